using System.Diagnostics;
using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Models;
using LlmOps.Core.Tests.Properties;

namespace LlmOps.Core.Tests.Models.Files;

/// <summary>
/// Headers of the shapes that converters write, damaged at random: each is read or refused, in little time and memory.
/// LLMOPS_FUZZ_CASES runs more cases than the usual ones.
/// </summary>
public sealed class HeaderMutationTests
{
    /// <summary>Far above what a case takes (microseconds), to catch work that grows with a claimed size.</summary>
    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(5);

    /// <summary>A header of 4,096 claimed layers without tensors takes the most, some 3 MB.</summary>
    private const long Allowed = 16 << 20;

    private static readonly ulong[] s_numbers =
        [0, 1, 2, 3, 4, 8, 9, 12, 31, 32, 63, 255, 256, 4095, 4096, 65535, 1UL << 20, 1UL << 28, 1UL << 31, 1UL << 32, 1UL << 60, 1UL << 62, 1UL << 63, ulong.MaxValue];

    private static readonly (string Name, byte[] Header, long Length)[] s_headers = [.. Headers()];

    [Fact]
    public void Damaged_headers_raise_nothing_but_the_error_for_bad_input()
    {
        int count = int.TryParse(Environment.GetEnvironmentVariable("LLMOPS_FUZZ_CASES"), out int more) ? more : 100_000;
        Gen<(int, int, ulong, int)[]> changes = Gen.ArrayOf(
            from kind in Gen.Choose(0, 4)
            from position in Gen.Choose(0, int.MaxValue - 1)
            from number in Gen.Elements(s_numbers)
            from bit in Gen.Choose(0, 255)
            select (kind, position, number, bit),
            2);
        var cases = from header in Gen.Choose(0, s_headers.Length - 1)
                    from edits in changes
                    select (header, edits);
        int read = 0;

        Always.Holds(cases, count, c => ReadsOrRefuses(s_headers[c.header], c.edits, ref read));

        // Were all refused, the cases would not reach what builds the model.
        Assert.InRange(read, count / 50, count - (count / 10));
    }

    private static bool ReadsOrRefuses(
        (string Name, byte[] Header, long Length) file, (int Kind, int Position, ulong Number, int Value)[] edits, ref int read)
    {
        byte[] header = Damage(file.Header, edits);
        MemoryFileSet files = new MemoryFileSet { FailsPastHeader = false }
            .Add("config.json", s_config).Add(file.Name, header, file.Length);
        long before = GC.GetAllocatedBytesForCurrentThread();
        long started = Stopwatch.GetTimestamp();
        try
        {
            LlmModel model = ModelFile.Read(files, file.Name);
            if (model.ParameterCount < 0 || model.ActiveParameterCount > model.ParameterCount || model.LayerCount < 1)
            {
                return false;
            }

            read++;
        }
        catch (LlmOpsException e) when (e.Message.Length > 0)
        {
        }

        return Stopwatch.GetElapsedTime(started) < s_hang && GC.GetAllocatedBytesForCurrentThread() - before < Allowed;
    }

    private static byte[] Damage(byte[] header, (int Kind, int Position, ulong Number, int Value)[] edits)
    {
        byte[] copy = [.. header];
        foreach ((int kind, int position, ulong number, int value) in edits)
        {
            int at = position % copy.Length;
            switch (kind)
            {
                case 0:
                    copy[at] ^= (byte)(1 << (value % 8));
                    break;
                case 1:
                    copy[at] = (byte)value;
                    break;
                case 2:
                    BitConverter.GetBytes(number).AsSpan(0, Math.Min(8, copy.Length - at)).CopyTo(copy.AsSpan(at));
                    break;
                case 3:
                    BitConverter.GetBytes((uint)number).AsSpan(0, Math.Min(4, copy.Length - at)).CopyTo(copy.AsSpan(at));
                    break;
                default:
                    copy = value % 4 == 0 ? copy[..Math.Max(1, at)] : copy;
                    break;
            }
        }

        return copy;
    }

    private static readonly byte[] s_config = RealConfigs.Of("Llama-2-7B");

    private static IEnumerable<(string, byte[], long)> Headers()
    {
        (byte[] llama, long llamaLength) = GgufSamples.Llama();
        yield return ("m.gguf", llama, llamaLength);
        (byte[] deepSeek, long deepSeekLength) = GgufSamples.DeepSeek();
        yield return ("m.gguf", deepSeek, deepSeekLength);
        byte[] bare = GgufSamples.LlamaMetadata(new GgufWriter()).Int32List("llama.rope.dimension_sections", 1, 2, 3)
            .Add("a.nested", w => { w.Write(9u); w.Write(9u); w.Write(1UL); w.Write(0u); w.Write(3UL); w.Write(new byte[3]); })
            .Header();
        yield return ("m.gguf", bare, bare.Length);
        SafetensorsWriter writer = new SafetensorsWriter().Metadata("format", "pt").Tensor("model.embed_tokens.weight", "BF16", 16, 32000, 4096)
            .Tensor("lm_head.weight", "BF16", 16, 32000, 4096).Tensor("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", 32, 64)
            .Tensor("model.layers.0.mlp.down_proj.qweight", "I32", 32, 512, 4096).Tensor("model.layers.0.mlp.down_proj.scales", "F16", 16, 32, 4096)
            .Tensor("model.layers.0.mlp.down_proj.qzeros", "I32", 32, 32, 512);
        byte[] safetensors = writer.Header();
        yield return ("model.safetensors", safetensors, writer.FileLength(safetensors));
    }
}
