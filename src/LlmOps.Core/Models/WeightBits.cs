namespace LlmOps.Core.Models;

/// <summary>How the weights of one component are stored in the published checkpoint.</summary>
/// <param name="Component">The part of the model.</param>
/// <param name="Parameters">Its parameters.</param>
/// <param name="BitsPerWeight">On average, with the scales and zero points that lie beside them.</param>
/// <param name="Bytes">The same in all.</param>
/// <param name="Format">The formats that its matrices are in; parameters that are none stay in the model's element type.</param>
/// <param name="Evidence">
/// <c>Exact</c> where the shapes of its matrices are known, <c>Assumed</c> where a typical shape stands for them.
/// </param>
public sealed record WeightBits(
    ModelComponent Component, long Parameters, double BitsPerWeight, long Bytes, string Format, Evidence Evidence);
