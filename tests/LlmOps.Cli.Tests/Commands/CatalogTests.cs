namespace LlmOps.Cli.Tests.Commands;

/// <summary><c>llmops models</c>, <c>instances</c> and <c>gpus</c>.</summary>
public sealed class CatalogTests
{
    [Fact]
    public void A_part_of_a_name_finds_all_that_contain_it()
    {
        Result result = Cli.Run("models opt- -o csv");

        Assert.Equal(0, result.ExitCode);
        Assert.All(Csv.Parse(result.Out), row => Assert.Equal("opt", row["Family"]));
        Assert.Contains(Csv.Parse(result.Out), row => row["Name"] == "OPT-2.7B");
    }

    [Theory]
    [InlineData("OPT-2.7B")]
    [InlineData("facebook/opt-2.7b")]
    public void A_whole_name_finds_that_model_alone(string name) =>
        Assert.Equal("OPT-2.7B", Cli.Run($"models {name} -o json").Json().Single().GetProperty("Name").GetString());

    [Fact]
    public void Nothing_found_is_exit_code_1_with_a_suggestion()
    {
        Result result = Cli.Run("models Llama-3.1-9B");

        Assert.Equal((1, ""), (result.ExitCode, result.Out));
        Assert.Contains("did you mean Llama-3.1-8B?", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_result_is_still_a_whole_file()
    {
        Assert.Empty(Cli.Run("models zzz -o json").Json());
        Assert.Empty(Csv.Parse(Cli.Run("models zzz -o csv").Out));
    }

    [Fact]
    public void Instances_are_filtered_and_cheapest_first()
    {
        double[] prices = [.. Cli.Run("instances --gpu L4,A10G --provider aws --max-usd-per-hour 2 -o json").Json()
            .Select(row => row.GetProperty("UsdPerHour").GetDouble())];

        Assert.NotEmpty(prices);
        Assert.All(prices, price => Assert.InRange(price, 0, 2));
        Assert.Equal(prices.Order(), prices);
    }

    [Fact]
    public void A_pattern_may_follow_a_filter() =>
        Assert.All(Cli.Run("instances --gpu A10G g5.x* --all-regions -o json").Json(),
            row => Assert.Equal("g5.xlarge", row.GetProperty("Name").GetString()));

    [Fact]
    public void Gpus_show_their_data_sheet_in_files()
    {
        Dictionary<string, string> h100 = Csv.Parse(Cli.Run("gpus h100_sxm -o csv").Out).Single();

        Assert.Equal("H100-80GB", h100["Name"]);
        Assert.Equal("79.19", h100["MemoryGiB"]);
        Assert.True(h100.ContainsKey("DenseTflops.Fp8"));
    }

    [Theory]
    [InlineData("models", 80)]
    [InlineData("models", 120)]
    [InlineData("gpus", 80)]
    [InlineData("gpus", 120)]
    [InlineData("instances", 80)]
    [InlineData("instances", 120)]
    public void No_line_is_wider_than_the_terminal(string command, int width) =>
        Assert.All(Cli.Run([command], width).Out.Split(Environment.NewLine), line => Assert.InRange(line.Length, 0, width));

    [Fact]
    public void Colour_is_used_only_where_it_is_wanted()
    {
        Assert.DoesNotContain('\u001b', Cli.Run("memory --model OPT-2.7B --gpu T4").Out);
        Assert.Contains('\u001b', Cli.Run(["memory", "--model", "OPT-2.7B", "--gpu", "T4"], colour: true).Out);
        Assert.DoesNotContain('\u001b', Cli.Run(["memory", "--model", "OPT-2.7B", "-o", "json"], colour: true).Out);
    }
}
