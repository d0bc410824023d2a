namespace LlmOps.Core.Models;

/// <summary>
/// A parameter count, divided by what tensor parallelism does with the parameters and by whether a quantization touches
/// them. "Matrices" are what formats quantize; "vectors" are biases, norms and routers, which stay in 16 bits.
/// </summary>
/// <param name="Split">Matrices divided evenly over tensor-parallel ranks.</param>
/// <param name="SplitVectors">Biases divided with them.</param>
/// <param name="KeyValue">Key and value projections: divided until each rank holds one KV head, copied from there on.</param>
/// <param name="KeyValueVectors">Their biases.</param>
/// <param name="Experts">Routed experts: divided over expert-parallel ranks, or over tensor-parallel ranks without those.</param>
/// <param name="ExpertVectors">Their biases.</param>
/// <param name="Copied">Matrices that each rank holds whole.</param>
/// <param name="CopiedVectors">Norms, routers and biases that each rank holds whole.</param>
public readonly record struct ShardedParameters(
    long Split = 0,
    long SplitVectors = 0,
    long KeyValue = 0,
    long KeyValueVectors = 0,
    long Experts = 0,
    long ExpertVectors = 0,
    long Copied = 0,
    long CopiedVectors = 0)
{
    public long Total =>
        Split + SplitVectors + KeyValue + KeyValueVectors + Experts + ExpertVectors + Copied + CopiedVectors;

    public static ShardedParameters operator +(in ShardedParameters a, in ShardedParameters b) => new(
        a.Split + b.Split,
        a.SplitVectors + b.SplitVectors,
        a.KeyValue + b.KeyValue,
        a.KeyValueVectors + b.KeyValueVectors,
        a.Experts + b.Experts,
        a.ExpertVectors + b.ExpertVectors,
        a.Copied + b.Copied,
        a.CopiedVectors + b.CopiedVectors);

    public static ShardedParameters operator -(in ShardedParameters a, in ShardedParameters b) => new(
        a.Split - b.Split,
        a.SplitVectors - b.SplitVectors,
        a.KeyValue - b.KeyValue,
        a.KeyValueVectors - b.KeyValueVectors,
        a.Experts - b.Experts,
        a.ExpertVectors - b.ExpertVectors,
        a.Copied - b.Copied,
        a.CopiedVectors - b.CopiedVectors);
}
