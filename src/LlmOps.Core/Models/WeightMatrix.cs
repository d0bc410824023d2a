namespace LlmOps.Core.Models;

/// <summary>What parallelism does with a matrix.</summary>
public enum WeightSharding
{
    /// <summary>Divided evenly over tensor-parallel ranks.</summary>
    Split,

    /// <summary>Divided until each rank holds one KV head, copied from there on.</summary>
    KeyValue,

    /// <summary>Divided by whole experts over expert-parallel ranks.</summary>
    Experts,

    /// <summary>Held whole by each rank.</summary>
    Copied,
}

/// <summary>
/// One matrix of a layer, or as many equal ones. Formats with scales for blocks or groups need its shape, and their lists
/// of exceptions its name.
/// </summary>
/// <param name="Component">The part of the model that it counts to.</param>
/// <param name="Name">Within its layer, as the family's reference code calls it: <c>self_attn.q_proj</c>.</param>
/// <param name="Rows">Outputs.</param>
/// <param name="Columns">Inputs, along which groups run.</param>
/// <param name="Sharding">What parallelism does with it.</param>
/// <param name="Count">How many there are of it in the layer: one for each expert.</param>
/// <param name="IsQuantizable">Whether formats touch it at all.</param>
public readonly record struct WeightMatrix(
    ModelComponent Component,
    string Name,
    long Rows,
    long Columns,
    WeightSharding Sharding,
    long Count = 1,
    bool IsQuantizable = true)
{
    /// <summary>Elements of all of them together.</summary>
    public long Elements => Count * Rows * Columns;
}
