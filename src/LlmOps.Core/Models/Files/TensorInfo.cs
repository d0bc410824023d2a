using System.Collections.Immutable;

namespace LlmOps.Core.Models.Files;

/// <summary>One tensor as a header describes it.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="ElementType">How its elements are stored.</param>
/// <param name="Shape">Its dimensions, the outermost first, whichever order the file has them in; empty for a scalar.</param>
/// <param name="ElementCount">The product of <paramref name="Shape"/>.</param>
/// <param name="ByteCount">What it takes in the file, scales within blocks included, padding after it not.</param>
public sealed record TensorInfo(
    string Name, TensorElementType ElementType, ImmutableArray<long> Shape, long ElementCount, long ByteCount)
{
    /// <exception cref="LlmOpsException">The shape has more elements than 2⁶³, or does not divide into blocks.</exception>
    internal static TensorInfo Create(string origin, string name, TensorElementType type, ImmutableArray<long> shape)
    {
        try
        {
            long elements = 1;
            foreach (long dimension in shape)
            {
                elements *= dimension;
            }

            return elements % type.BlockElements == 0
                ? new TensorInfo(name, type, shape, elements, elements / type.BlockElements * type.BlockBytes)
                : throw FileErrors.Invalid(origin,
                    $"the tensor '{FileErrors.Shown(name)}' has {elements} elements, which do not divide into blocks of "
                    + $"{type.BlockElements} of {type.Name}.");
        }
        catch (OverflowException e)
        {
            throw FileErrors.Invalid(origin,
                $"the tensor '{FileErrors.Shown(name)}' claims {string.Join(" x ", shape)} elements; no tensor has 2^63.", e);
        }
    }
}
