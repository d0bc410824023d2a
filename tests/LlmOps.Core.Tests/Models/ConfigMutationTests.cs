using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Models;

/// <summary>Real configurations, damaged at random: each reads as a model that can be sized, or is refused.</summary>
public sealed class ConfigMutationTests
{
    /// <summary>Far above what a case takes (microseconds), to catch work that grows with a claimed size.</summary>
    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(5);

    private static readonly string[] s_values =
    [
        "null", "true", "false", "0", "-1", "1", "2", "3", "7", "64", "4096", "4097", "1048576", "1048577", "268435456",
        "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808", "1e300", "-1e300",
        "1e-300", "0.5", "\"\"", "\"NaN\"", "\"4096\"", "\"full_attention\"", "\"fp8\"", "\"\\ud800\"", "\"模型\"", "[]", "{}", "[[]]",
        "[0]", "[-1]", "[1e300]", "[\"sliding_attention\"]", "{\"quant_method\": \"awq\"}", "{\"hidden_size\": 1}",
    ];

    [Fact]
    public void Flipped_and_removed_bytes_raise_nothing_but_the_error_for_bad_input()
    {
        Gen<byte[]> damaged =
            from config in Gen.Elements(RealConfigs.OnePerFamily.ToArray())
            from positions in Gen.ListOf(Gen.Choose(0, config.Length - 1), 3)
            from values in Gen.ListOf(Gen.Choose(0, 255), 3)
            from kind in Gen.Choose(0, 2)
            select Damage(config, [.. positions], [.. values], kind);

        HoldsAndReadsSome(damaged);
    }

    [Fact]
    public void Removed_and_replaced_fields_raise_nothing_but_the_error_for_bad_input()
    {
        Gen<byte[]> changed =
            from config in Gen.Elements(RealConfigs.OnePerFamily.ToArray())
            from picks in Gen.ListOf(Gen.Choose(0, 1000), 2)
            from values in Gen.ListOf(Gen.Elements(s_values), 2)
            from remove in Gen.Choose(0, 3)
            select Change(config, [.. picks], [.. values], remove == 0);

        HoldsAndReadsSome(changed);
    }

    private static void HoldsAndReadsSome(Gen<byte[]> files)
    {
        const int cases = 15_000;
        int read = 0;
        Always.Holds(files, cases, bytes => ReadsOrRefuses(bytes, ref read));

        // Were all refused, the cases would not reach what reads the fields.
        Assert.InRange(read, cases / 20, cases - (cases / 20));
    }

    private static bool ReadsOrRefuses(byte[] bytes, ref int read)
    {
        Stopwatch watch = Stopwatch.StartNew();
        try
        {
            LlmModel model = HuggingFaceConfig.Read(bytes, "config.json");
            if (model.ParameterCount < 1 || model.ActiveParameterCount < 1 || model.KvBytesPerToken < 0)
            {
                return false;
            }

            read++;
            foreach (int stages in new[] { 1, model.LayerCount })
            {
                MemoryEstimator.Estimate(new MemoryRequest(model) { Parallelism = new Parallelism(1, stages) });
            }
        }
        catch (LlmOpsException e) when (e.Message.Length > 0)
        {
        }

        return watch.Elapsed < s_hang;
    }

    private static byte[] Damage(byte[] config, int[] positions, int[] values, int kind)
    {
        byte[] copy = [.. config];
        for (int i = 0; i < positions.Length; i++)
        {
            copy[positions[i]] = kind switch
            {
                0 => (byte)(copy[positions[i]] ^ (1 << (values[i] % 8))),
                1 => (byte)values[i],
                _ => (byte)"0123456789-e.\"{}[],:tfn "[values[i] % 24],
            };
        }

        return kind == 2 ? copy[..(copy.Length - (positions[0] % 2))] : copy;
    }

    private static byte[] Change(byte[] config, int[] picks, string[] values, bool remove)
    {
        JsonObject root = JsonNode.Parse(config)!.AsObject();
        for (int i = 0; i < picks.Length; i++)
        {
            JsonObject target = root;
            string name = target.ElementAt(picks[i] % target.Count).Key;
            if (target[name] is JsonObject { Count: > 0 } inner && picks[i] % 3 > 0)
            {
                target = inner;
                name = target.ElementAt(picks[i] % target.Count).Key;
            }

            if (remove)
            {
                target.Remove(name);
                if (root.Count == 0)
                {
                    break;
                }
            }
            else
            {
                // As text, because a node cannot hold numbers beyond its types or broken strings.
                target[name] = $"\u0001{values[i]}\u0002";
            }
        }

        string json = root.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        return Encoding.UTF8.GetBytes(json.Replace("\"\\u0001", "", StringComparison.Ordinal)
            .Replace("\\u0002\"", "", StringComparison.Ordinal).Replace("\\\"", "\"", StringComparison.Ordinal)
            .Replace("\\\\", "\\", StringComparison.Ordinal));
    }
}
