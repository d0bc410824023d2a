using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Quantizations;

public sealed class QuantizationPropertyTests
{
    private static readonly string[] s_bases = ["Llama-3.1-8B", "Qwen3-30B-A3B", "DeepSeek-V3"];

    private static readonly string[] s_values =
    [
        "null", "true", "0", "-1", "1", "2", "3", "4", "8", "16", "32", "1048577", "9223372036854775808", "1e300", "\"\"", "\"gptq\"",
        "\"NVFP4\"", "\"float\"", "\"block\"", "\"re:(\"", "\"re:.*\"", "\"*\"", "\"\\ud800\"", "[]", "{}", "[0]", "[1, 1]", "[\"*\"]",
        "[\"re:(?=.*mlp).*\"]", "[\"re:(.*)*x\"]", "[\"model.layers.0\"]", "{\"quant_algo\": \"FP8\"}", "{\"weights\": {}}",
    ];

    [Fact]
    public void Published_configurations_read_on_any_model()
    {
        foreach (string quantization in RealQuantizations.All)
        {
            foreach (string model in s_bases)
            {
                LlmModel read = Read(model, quantization);
                Assert.InRange(read.AverageBitsPerWeight, 4.1, 16);
                Assert.InRange(read.WeightBits.Length, 5, 11);
            }
        }
    }

    [Fact]
    public void Replaced_and_removed_fields_raise_nothing_but_the_error_for_bad_input()
    {
        Gen<(string Model, string Json)> changed =
            from model in Gen.Elements(s_bases)
            from json in Gen.Elements(RealQuantizations.All.ToArray())
            from picks in Gen.ListOf(Gen.Choose(0, 1000), 3)
            from values in Gen.ListOf(Gen.Elements(s_values), 3)
            select (model, Change(json, [.. picks], [.. values]));
        HoldsAndReadsSome(changed, 4000);
    }

    [Fact]
    public void Damaged_bytes_raise_nothing_but_the_error_for_bad_input()
    {
        Gen<(string Model, string Json)> damaged =
            from model in Gen.Elements(s_bases)
            from json in Gen.Elements(RealQuantizations.All.ToArray())
            from at in Gen.Choose(0, json.Length - 1)
            from character in Gen.Elements("0123456789-e.\"{}[],:tfn *?()\\+re".ToCharArray())
            select (model, json[..at] + character + json[(at + 1)..]);
        HoldsAndReadsSome(damaged, 4000);
    }

    /// <summary>Fewer bits, larger groups or no zero points never take more.</summary>
    [Fact]
    public void A_coarser_format_never_takes_more_bytes()
    {
        var cases =
            from rows in Gen.Choose(1, 5000)
            from columns in Gen.Choose(1, 5000)
            from bits in Gen.Choose(2, 8)
            from block in Gen.Elements(1, 16, 32, 64, 128, 1024, WeightFormat.Whole)
            from zero in Gen.Elements(0, 4, 8)
            from flat in Gen.Elements(true, false)
            select (rows, columns, format: new WeightFormat
            {
                Name = "",
                Layout = "",
                ElementBits = bits,
                ComputeBytes = 2,
                BlockColumns = block,
                ScaleBytes = 2,
                ZeroPointBits = zero,
                IsFlat = flat,
            });
        Always.Holds(cases, 5000, c =>
        {
            long bytes = c.format.Bytes(c.rows, c.columns);
            Assert.True(bytes >= (long)c.rows * c.columns * c.format.ElementBits / 8);
            Assert.True((c.format with { ElementBits = c.format.ElementBits - 1 }).Bytes(c.rows, c.columns) <= bytes);
            Assert.True((c.format with { BlockColumns = WeightFormat.Whole }).Bytes(c.rows, c.columns) <= bytes);
            Assert.True((c.format with { ZeroPointBits = 0 }).Bytes(c.rows, c.columns) <= bytes);
            Assert.True((c.format with { BlockRows = 128 }).Bytes(c.rows, c.columns) <= bytes);
            Assert.True(c.format.Bytes(c.rows + 1, c.columns) >= bytes);
        });
    }

    /// <summary>Each module that is left out adds bytes; none takes any away.</summary>
    [Fact]
    public void Leaving_modules_out_never_takes_fewer_bytes()
    {
        string[] modules = ["self_attn", "mlp", "model.layers.0*", "*down_proj", "re:.*experts.*", "model.layers.3.mlp.experts"];
        foreach (string model in s_bases)
        {
            long before = 0;
            for (int i = 0; i <= modules.Length; i++)
            {
                string list = string.Join(", ", modules[..i].Select(m => $"\"{m}\""));
                long bytes = Read(model, $$"""{ "quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": [{{list}}] }""").WeightBytes;
                Assert.True(bytes >= before, list);
                before = bytes;
            }
        }
    }

    private static LlmModel Read(string model, string quantization)
    {
        string config = Encoding.UTF8.GetString(Models.RealConfigs.Of(model));
        JsonObject root = JsonNode.Parse(config)!.AsObject();
        root.Remove("quantization_config");
        string json = root.ToJsonString();
        return HuggingFaceConfig.Read(
            Encoding.UTF8.GetBytes($"{json[..^1]}, \"quantization_config\": {quantization}}}"), "config.json");
    }

    private static void HoldsAndReadsSome(Gen<(string Model, string Json)> cases, int count)
    {
        int read = 0;
        Always.Holds(cases, count, c =>
        {
            Stopwatch watch = Stopwatch.StartNew();
            try
            {
                LlmModel model = Read(c.Model, c.Json);
                read++;
                MemoryEstimator.Estimate(new MemoryRequest(model) { Parallelism = new Parallelism(2, 3) });

                // A scale of 32 bits for each 8-bit weight is the most that a file can ask for.
                if (model.WeightBytes < 1 || model.AverageBitsPerWeight > 40.1)
                {
                    return false;
                }
            }
            catch (LlmOpsException e) when (e.Message.Length > 0)
            {
            }

            return watch.Elapsed < TimeSpan.FromSeconds(20);
        });
        Assert.InRange(read, count / 20, count - (count / 20));
    }

    private static string Change(string json, int[] picks, string[] values)
    {
        JsonObject root = JsonNode.Parse(json)!.AsObject();
        for (int i = 0; i < picks.Length; i++)
        {
            JsonObject target = root;
            string name = target.ElementAt(picks[i] % target.Count).Key;
            for (int depth = 0; depth < 3 && target[name] is JsonObject { Count: > 0 } inner && (picks[i] + depth) % 4 > 0; depth++)
            {
                target = inner;
                name = target.ElementAt(picks[i] % target.Count).Key;
            }

            if (picks[i] % 7 == 0 && target.Count > 1)
            {
                target.Remove(name);
            }
            else
            {
                target[name] = $"@@{i}@@";
            }
        }

        string text = root.ToJsonString();
        for (int i = 0; i < picks.Length; i++)
        {
            text = text.Replace($"\"@@{i}@@\"", values[i], StringComparison.Ordinal);
        }

        return text;
    }
}
