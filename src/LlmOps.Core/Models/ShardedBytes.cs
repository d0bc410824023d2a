namespace LlmOps.Core.Models;

/// <summary>Bytes of weights, by what parallelism does with them.</summary>
/// <param name="Split">Divided evenly over tensor-parallel ranks.</param>
/// <param name="KeyValue">Divided until each rank holds one KV head.</param>
/// <param name="Experts">Divided over expert-parallel ranks.</param>
/// <param name="Copied">Held whole by each rank.</param>
internal readonly record struct ShardedBytes(long Split = 0, long KeyValue = 0, long Experts = 0, long Copied = 0)
{
    public long Total => Split + KeyValue + Experts + Copied;

    public static ShardedBytes operator +(in ShardedBytes a, in ShardedBytes b) =>
        new(a.Split + b.Split, a.KeyValue + b.KeyValue, a.Experts + b.Experts, a.Copied + b.Copied);

    public static ShardedBytes operator -(in ShardedBytes a, in ShardedBytes b) =>
        new(a.Split - b.Split, a.KeyValue - b.KeyValue, a.Experts - b.Experts, a.Copied - b.Copied);
}
