using System.Collections.Immutable;

namespace LlmOps.Core.Models.Files;

/// <summary>All tensors of a model's files, as their headers describe them.</summary>
public sealed class TensorInventory
{
    /// <param name="origin">What errors call the files.</param>
    /// <param name="tensors">The tensors of all files; no name twice.</param>
    /// <exception cref="LlmOpsException">They have more elements or bytes than 2⁶³.</exception>
    internal TensorInventory(string origin, ImmutableArray<TensorInfo> tensors)
    {
        Tensors = tensors;
        try
        {
            foreach (TensorInfo tensor in tensors)
            {
                TotalElements += tensor.ElementCount;
                TotalBytes += tensor.ByteCount;
            }
        }
        catch (OverflowException e)
        {
            throw FileErrors.Invalid(origin, "its tensors together claim more than 2^63 elements.", e);
        }

        ByType = [.. tensors
            .GroupBy(tensor => tensor.ElementType.Name)
            .Select(group => new TensorTypeSum(
                group.First().ElementType, group.Count(), group.Sum(t => t.ElementCount), group.Sum(t => t.ByteCount)))
            .OrderByDescending(sum => sum.Bytes)
            .ThenBy(sum => sum.ElementType.Name, StringComparer.Ordinal)];
    }

    /// <summary>In the order of the files.</summary>
    public ImmutableArray<TensorInfo> Tensors { get; }

    /// <summary>Elements of all tensors, buffers and scales included; packed ones as they are stored.</summary>
    public long TotalElements { get; }

    /// <summary>Bytes of all tensors, without headers and padding.</summary>
    public long TotalBytes { get; }

    /// <summary>The same by type, the one with the most bytes first.</summary>
    public ImmutableArray<TensorTypeSum> ByType { get; }

    public override string ToString() => FormattableString.Invariant(
        $"{Tensors.Length} tensors, {TotalElements} elements, {TotalBytes} bytes");
}

/// <summary>What a model's files hold in one type.</summary>
public sealed record TensorTypeSum(TensorElementType ElementType, int TensorCount, long Elements, long Bytes);
