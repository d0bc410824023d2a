using LlmOps.Core.Memory;
using LlmOps.Core.Models;

namespace LlmOps.Core.Planning;

/// <summary>One way to put copies of a model on the GPUs of a machine.</summary>
/// <param name="Tensor">Ranks that each layer's matrices are divided over.</param>
/// <param name="Pipeline">Stages that the layers of a copy are divided over.</param>
/// <param name="Expert">
/// Ranks that whole experts are divided over; 1 divides each expert over the tensor ranks. With more of them than tensor ranks,
/// groups of tensor ranks run attention for sequences of their own.
/// </param>
/// <param name="Copies">Copies side by side, each with users of its own.</param>
public readonly record struct ParallelLayout(int Tensor, int Pipeline, int Expert, int Copies)
{
    /// <summary>Groups of tensor ranks of a copy, each with sequences of its own.</summary>
    public int AttentionRanks => Math.Max(1, Expert / Tensor);

    public int GpusOfCopy => Tensor * AttentionRanks * Pipeline;

    public int GpuCount => GpusOfCopy * Copies;

    /// <summary>As the estimators take it: <see cref="Parallelism.Data"/> counts the attention groups of all copies.</summary>
    public Parallelism Parallelism => new(Tensor, Pipeline, Expert, AttentionRanks * Copies);

    /// <summary>One copy, as the estimators take it.</summary>
    internal Parallelism OfCopy => new(Tensor, Pipeline, Expert);

    /// <summary>
    /// The layouts that the model can be divided into on so many GPUs, those with the fewest GPUs a copy first: heads divide
    /// evenly, each stage has a layer, whole experts divide evenly. A count that is no power of two leaves GPUs idle where a
    /// copy takes the next power below.
    /// </summary>
    /// <param name="model">Divided by its attention heads, KV heads, layers and experts.</param>
    /// <param name="gpuCount">GPUs of the machine.</param>
    /// <param name="engine">Some divide layers alone (<see cref="DividesLayersAlone"/>).</param>
    public static IReadOnlyList<ParallelLayout> Of(LlmModel model, int gpuCount, Engine engine)
    {
        bool layersAlone = DividesLayersAlone(engine);
        List<ParallelLayout> layouts = [];
        for (int gpus = 1; gpus <= gpuCount; gpus++)
        {
            if (gpuCount % gpus != 0 && !(int.IsPow2(gpus) && 2 * gpus > gpuCount))
            {
                continue;
            }

            int copies = gpuCount / gpus;
            for (int tensor = layersAlone ? 1 : gpus; tensor >= 1; tensor--)
            {
                int rest = gpus / tensor;
                if (gpus % tensor != 0 || !MemoryRequest.DividesHeads(model, tensor))
                {
                    continue;
                }

                if (rest <= model.LayerCount)
                {
                    layouts.Add(new ParallelLayout(tensor, rest, 1, copies));
                    if (tensor > 1 && !layersAlone && DividesExperts(model, tensor))
                    {
                        layouts.Add(new ParallelLayout(tensor, rest, tensor, copies));
                    }
                }

                if (rest > 1 && !layersAlone && DividesExperts(model, gpus))
                {
                    layouts.Add(new ParallelLayout(tensor, 1, gpus, copies));
                }
            }
        }

        return layouts;
    }

    /// <summary>
    /// What comes of each layout. No pipeline was measured, so that stages are tried only where nothing else works: for models that
    /// nothing else has room for, and for engines that divide layers alone.
    /// </summary>
    /// <typeparam name="T">A way to run the model.</typeparam>
    /// <param name="layouts">The layouts, in the order in which they are tried.</param>
    /// <param name="run">The ways in one layout.</param>
    /// <param name="works">Whether a way makes stages superfluous.</param>
    internal static List<T> TryStagesLast<T>(
        IEnumerable<ParallelLayout> layouts, Func<ParallelLayout, IEnumerable<T>> run, Func<T, bool> works)
    {
        ILookup<bool, ParallelLayout> byStages = layouts.ToLookup(layout => layout.Pipeline > 1);
        List<T> ways = [.. byStages[false].SelectMany(run)];
        if (!ways.Exists(way => works(way)))
        {
            ways.AddRange(byStages[true].SelectMany(run));
        }

        return ways;
    }

    public override string ToString()
    {
        List<string> parts = [FormattableString.Invariant($"TP{Tensor}")];
        Add("PP", Pipeline);
        Add("EP", Expert);
        Add("DP", AttentionRanks * Copies);
        return string.Join(' ', parts);

        void Add(string name, int size)
        {
            if (size > 1)
            {
                parts.Add(FormattableString.Invariant($"{name}{size}"));
            }
        }
    }

    /// <summary>Whether an engine has no other way to use several GPUs for one copy than to give each some of the layers.</summary>
    internal static bool DividesLayersAlone(Engine engine) => engine is Engine.LlamaCpp or Engine.Transformers;

    /// <summary>Whether each rank gets as many whole experts as any other.</summary>
    internal static bool DividesExperts(LlmModel model, int ranks) =>
        model.ExpertCount >= ranks && model.ExpertCount % ranks == 0;
}
