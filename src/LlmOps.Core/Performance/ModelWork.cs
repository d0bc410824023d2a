using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Performance;

/// <summary>Operations and bytes that a job needs at least, whatever executes it.</summary>
internal static class ModelWork
{
    /// <summary>Parameters that are multiplied for each token of a prompt: all that are active but embeddings and head.</summary>
    public static double BodyParameters(LlmModel model) =>
        model.ActiveParameterCount - model.Parameters.Embedding - model.Parameters.Head - model.Parameters.Vision;

    /// <summary>Parameters of the head as it is multiplied, tied or not.</summary>
    public static double HeadParameters(LlmModel model) => (double)model.VocabularySize * model.HiddenSize;

    /// <summary>Operations to read the prompts: two a parameter and token, causal attention, one head row a prompt.</summary>
    public static double PrefillOperations(in Workload w)
    {
        double tokens = (double)w.BatchSize * w.InputLength;
        return (2 * tokens * BodyParameters(w.Model))
            + (2 * w.BatchSize * HeadParameters(w.Model))
            + (w.BatchSize * AttentionOperations(w.Model, 1, w.InputLength));
    }

    /// <summary>Operations of all decoding steps; the first token comes out of prefill.</summary>
    public static double DecodeOperations(in Workload w)
    {
        double tokens = (double)w.BatchSize * (w.OutputLength - 1);
        return (2 * tokens * (BodyParameters(w.Model) + HeadParameters(w.Model)))
            + (w.BatchSize * AttentionOperations(w.Model, w.InputLength + 1, w.InputLength + w.OutputLength - 1));
    }

    /// <summary>
    /// Bytes of weights that a step over that many tokens reads: of the routed experts those that the tokens pick between
    /// them, in expectation E · (1 − (1 − k/E)^tokens).
    /// </summary>
    public static double WeightBytesRead(in Workload w, double tokens)
    {
        LlmModel model = w.Model;
        double idle = model.ExpertCount == 0
            ? 0
            : Math.Pow(1 - ((double)model.ExpertsPerToken / model.ExpertCount), tokens);
        return WeightMemory.BytesRead(model, new MemoryRequest(model) { Quantization = w.EffectiveQuantization }, idle);
    }

    /// <summary>Bytes of KV cache and states that all decoding steps read together.</summary>
    public static double DecodeCacheBytes(in Workload w)
    {
        double elementBytes = CacheElementBytes(w);
        double bytes = 0;
        foreach (KvLayerGroup group in w.Model.KvCache.Groups)
        {
            double tokens = SumOfTokensKept(group.Window, w.InputLength + 1, w.InputLength + w.OutputLength - 1);
            bytes += group.LayerCount * ((tokens * group.BytesPerTokenAndRank(elementBytes, 1))
                + ((w.OutputLength - 1.0) * group.StateBytesPerSequence));
        }

        return w.BatchSize * bytes;
    }

    public static double CacheElementBytes(in Workload w) =>
        w.KvCacheDataType.Bytes(w.Model.KvElementBytesWith(w.EffectiveQuantization));

    /// <summary>Operations of attention for the tokens at positions first to last of one sequence.</summary>
    private static double AttentionOperations(LlmModel model, long first, long last)
    {
        double operations = 0;
        foreach (AttentionLayerGroup layers in model.AttentionGroups)
        {
            operations += 2.0 * layers.LayerCount * layers.MultiplyAddsPerTokenPair
                * SumOfTokensKept(layers.Window, first, last);
        }

        return operations;
    }

    /// <summary>Sum of min(window, position) over the positions first to last, in closed form.</summary>
    private static double SumOfTokensKept(int? window, long first, long last)
    {
        if (last < first)
        {
            return 0;
        }

        double lastBelow = window is { } w ? Math.Min(last, w) : last;
        double below = lastBelow >= first ? (first + lastBelow) * (lastBelow - first + 1) / 2 : 0;
        double atWindow = Math.Min(last - first + 1.0, last - lastBelow);
        return below + (atWindow > 0 ? atWindow * window!.Value : 0);
    }
}
