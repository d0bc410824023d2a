namespace LlmOps.Core.Models;

/// <summary>
/// The cosines and sines of rotary positions that an engine computes ahead: one row a position, one column an element. All
/// layers that rotate alike share a table.
/// </summary>
/// <param name="Rows">Positions that the table reaches to.</param>
/// <param name="Dimension">Rotated elements of a head.</param>
/// <param name="IsFloat32">Whether the table stays in FP32 in a model of another type.</param>
public sealed record RotaryTable(long Rows, int Dimension, bool IsFloat32 = false)
{
    /// <summary>Bytes in a model that computes in elements of that size.</summary>
    public double Bytes(int elementBytes) => (double)Rows * Dimension * (IsFloat32 ? sizeof(float) : elementBytes);
}

/// <summary>What an image becomes on its way into a vision model.</summary>
/// <param name="TokensPerItem">Places that an image of the greatest size takes in a prompt.</param>
/// <param name="FeatureTokens">Vectors that the tower gives for it.</param>
/// <param name="PixelElements">Elements of its pixels as the tower takes them.</param>
public readonly record struct VisionInput(int TokensPerItem, int FeatureTokens, long PixelElements);
