using System.Globalization;

namespace LlmOps.Core.Models.Files;

/// <summary>What is said about elements in files that are not counted as parameters.</summary>
internal static class ModelNotes
{
    public static void Add(List<string> notes, RoleCounts counts)
    {
        void Note(TensorRole role, string what)
        {
            if (counts[role] > 0)
            {
                notes.Add(string.Create(CultureInfo.InvariantCulture, $"{counts[role]:N0} elements are {what}; they are not counted."));
            }
        }

        Note(TensorRole.Buffer, "buffers, constants that are computed and not learned (rotary frequencies, masks)");
        Note(TensorRole.Scale, "scales and zero points of the quantization");
        Note(TensorRole.Copy, "a second copy of matrices that are shared (a tied head stored twice)");
        if (counts[TensorRole.MultiTokenPrediction] > 0)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture,
                $"{counts[TensorRole.MultiTokenPrediction]:N0} parameters are in layers that predict further tokens; they are counted apart."));
        }
    }
}
