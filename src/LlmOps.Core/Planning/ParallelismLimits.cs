using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;
using static System.FormattableString;

namespace LlmOps.Core.Planning;

/// <summary>What stands against dividing a model over so many ranks, in words with the nearest sizes that work.</summary>
internal static class ParallelismLimits
{
    /// <summary>
    /// Rows of embedding and head come in multiples of this, and the sum must divide evenly over the ranks
    /// (vLLM layers/vocab_parallel_embedding.py, which SGLang shares).
    /// </summary>
    public const int VocabularyPadding = 64;

    /// <summary>Sizes that are looked through for the nearest that works.</summary>
    private const int MostRanks = 1024;

    /// <summary>The vocabulary with the rows that vLLM and SGLang add.</summary>
    public static long PaddedVocabulary(LlmModel model) =>
        ((long)model.VocabularySize + VocabularyPadding - 1) / VocabularyPadding * VocabularyPadding;

    /// <summary>Whether the engine's sources were read for what they divide; others are held to heads, layers and experts alone.</summary>
    public static bool IsStrict(Engine engine) => engine is Engine.vLLM or Engine.SGLang;

    /// <summary>Why the engine would not start in a layout of <see cref="ParallelLayout.Of"/>; null where it would.</summary>
    public static string? Refusal(in MemoryRequest deployment, ParallelLayout layout) =>
        layout.Tensor == 1 ? null : TensorRefusal(deployment, layout.Tensor, layout.Expert > 1);

    /// <summary>
    /// Sizes among the divisors of a machine's GPUs that no layout has, each with the reason: too many tensor ranks for the heads,
    /// too many stages for the layers, experts that do not divide.
    /// </summary>
    public static IEnumerable<(ParallelLayout Layout, string Reason)> Impossible(MemoryRequest deployment, int gpuCount)
    {
        LlmModel model = deployment.Model;
        bool layersAlone = ParallelLayout.DividesLayersAlone(deployment.Engine);
        for (int size = 2; size <= gpuCount; size++)
        {
            if (gpuCount % size != 0)
            {
                continue;
            }

            int copies = gpuCount / size;
            if (layersAlone)
            {
                yield return (new ParallelLayout(size, 1, 1, copies), Invariant(
                    $"{EnumNames.Of(deployment.Engine)} divides layers alone; use PipelineParallelSize {Math.Min(size, model.LayerCount)}"));
            }
            else if (!MemoryRequest.DividesHeads(model, size))
            {
                yield return (new ParallelLayout(size, 1, 1, copies), TensorRefusal(deployment, size, wholeExperts: false)!);
            }

            if (size > model.LayerCount)
            {
                yield return (new ParallelLayout(1, size, 1, copies), Invariant(
                    $"{size} stages are more than the {model.LayerCount} layers of {model.Name}; the nearest valid size is {model.LayerCount}"));
            }

            if (!layersAlone && model.ExpertCount > 0 && !ParallelLayout.DividesExperts(model, size))
            {
                yield return (new ParallelLayout(1, 1, size, copies), Invariant(
                    $"the {model.ExpertCount} experts of {model.Name} do not divide evenly over {size} ranks")
                    + Nearest(size, other => ParallelLayout.DividesExperts(model, other)));
            }
        }
    }

    private static string? TensorRefusal(MemoryRequest deployment, int tensor, bool wholeExperts) =>
        TensorProblem(deployment, tensor, wholeExperts) is { } problem
            ? problem + Nearest(tensor, other => TensorProblem(deployment, other, wholeExperts) is null)
            : null;

    private static string? TensorProblem(in MemoryRequest deployment, int tensor, bool wholeExperts)
    {
        LlmModel model = deployment.Model;
        if (tensor == 1)
        {
            return null;
        }

        if (!MemoryRequest.DividesHeads(model, tensor))
        {
            return model.AttentionHeadCount % tensor != 0
                ? Invariant($"the {model.AttentionHeadCount} attention heads of {model.Name} do not divide evenly over {tensor} ranks")
                : Invariant($"the {model.KeyValueHeadCount} KV heads of {model.Name} neither divide evenly over {tensor} ranks nor can be copied evenly to them");
        }

        if (!IsStrict(deployment.Engine))
        {
            return null;
        }

        long vocabulary = PaddedVocabulary(model);
        if (vocabulary % tensor != 0)
        {
            return Invariant($"the vocabulary of {model.Name}, {vocabulary:N0} rows in multiples of {VocabularyPadding}, does not divide evenly over {tensor} ranks");
        }

        return LayerProblem(deployment, tensor, wholeExperts);
    }

    /// <summary>Heads of recurrent layers, widths of MLPs and experts, and the blocks that share a scale must divide too.</summary>
    private static string? LayerProblem(in MemoryRequest deployment, int tensor, bool wholeExperts)
    {
        LlmModel model = deployment.Model;
        WeightStorage? storage = model.StorageIn(deployment.EffectiveQuantization);
        HashSet<(AttentionSpec, FeedForwardSpec)> seen = [];
        for (int i = 0; i < model.LayerCount; i++)
        {
            LayerSpec layer = model.Architecture.Layers[i];
            if (!seen.Add((layer.Attention, layer.FeedForward)))
            {
                continue;
            }

            if (layer.Attention is RecurrentMixer { HeadCount: > 1 } mixer && mixer.HeadCount % tensor != 0)
            {
                return Invariant($"the {mixer.HeadCount} heads of {model.Name}'s {mixer.Kind} layers do not divide evenly over {tensor} ranks");
            }

            foreach (WeightMatrix matrix in layer.FeedForward.Matrices(model.HiddenSize))
            {
                // The projection back into the residual stream has the width as its inputs.
                bool isDivided = matrix.Sharding == WeightSharding.Split || (matrix.Sharding == WeightSharding.Experts && !wholeExperts);
                if (!isDivided || !matrix.Name.EndsWith(".down_proj", StringComparison.Ordinal))
                {
                    continue;
                }

                string part = matrix.Sharding == WeightSharding.Experts ? "experts" : "MLP";
                if (matrix.Columns % tensor != 0)
                {
                    return Invariant($"the {matrix.Columns:N0} columns of {model.Name}'s {part} do not divide evenly over {tensor} ranks");
                }

                if (BlockOf(storage, i, matrix.Name) is { } block && matrix.Columns / tensor % block != 0)
                {
                    return Invariant($"{tensor} ranks leave each {matrix.Columns / tensor:N0} of the {matrix.Columns:N0} columns of {model.Name}'s {part}, which are no whole FP8 blocks of {block}")
                        + (part == "experts" ? "; whole experts on each rank (EP) keep the blocks" : "");
                }
            }
        }

        return null;
    }

    /// <summary>Columns of a block of an FP8 checkpoint; vLLM and SGLang refuse parts of one.</summary>
    private static int? BlockOf(WeightStorage? storage, int layer, string matrix)
    {
        WeightFormat? format = storage?.MatricesOf(layer).FirstOrDefault(m => m.Matrix.Name == matrix).Format;
        return format is { ElementBits: 8, BlockRows: > 1 and < WeightFormat.Whole, BlockColumns: > 1 and < WeightFormat.Whole }
            ? format.BlockColumns
            : null;
    }

    private static string Nearest(int size, Func<int, bool> works)
    {
        int below = size - 1, above = size + 1;
        while (below > 1 && !works(below))
        {
            below--;
        }

        while (above <= MostRanks && !works(above))
        {
            above++;
        }

        return above <= MostRanks
            ? Invariant($"; the nearest valid sizes are {below} and {above}")
            : Invariant($"; the nearest valid size is {below}");
    }
}
