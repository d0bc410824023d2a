using LlmOps.Core.Models.Quantized;
using LlmOps.Core.Precision;

namespace LlmOps.Core.Models;

/// <summary>What a fused tensor is part of.</summary>
internal enum TensorRole
{
    Linear,

    /// <summary>The first matrices of all experts on a rank, stacked.</summary>
    ExpertUp,

    /// <summary>The second matrices of all experts on a rank, stacked.</summary>
    ExpertDown,

    /// <summary>A copy of a projection in the element type, which latent attention multiplies with.</summary>
    Absorbed,
}

/// <summary>
/// Matrices that an engine loads as one tensor: queries, keys and values, or gate and up projection. Elements and rows are
/// those of all ranks together, by what parallelism does with them.
/// </summary>
/// <param name="Role">What it is part of.</param>
/// <param name="Format">How a quantized checkpoint stores it; null where the element type or a chosen precision does.</param>
/// <param name="IsCovered">Whether a precision that was chosen touches it.</param>
/// <param name="Split">Elements divided over tensor-parallel ranks, or over expert-parallel ones.</param>
/// <param name="KeyValue">Elements divided by KV heads.</param>
/// <param name="Copied">Elements that each rank holds.</param>
/// <param name="SplitRows">Outputs that are divided over ranks.</param>
/// <param name="KeyValueRows">Outputs that are divided by KV heads.</param>
/// <param name="CopiedRows">Outputs that each rank has.</param>
/// <param name="SplitExtra">Bytes beside the values, as the checkpoint has them: scales and zero points.</param>
/// <param name="KeyValueExtra">The same of what is divided by KV heads.</param>
/// <param name="CopiedExtra">The same of what each rank holds.</param>
internal readonly record struct FusedTensor(
    TensorRole Role,
    WeightFormat? Format,
    bool IsCovered,
    long Split = 0,
    long KeyValue = 0,
    long Copied = 0,
    long SplitRows = 0,
    long KeyValueRows = 0,
    long CopiedRows = 0,
    long SplitExtra = 0,
    long KeyValueExtra = 0,
    long CopiedExtra = 0);

/// <summary>The fused tensors of a run of layers, equal ones counted together.</summary>
internal sealed class FusedWeights
{
    private FusedWeights((FusedTensor, int)[] tensors) => Tensors = tensors;

    public (FusedTensor Tensor, int Count)[] Tensors { get; }

    /// <param name="model">The model.</param>
    /// <param name="first">The first layer.</param>
    /// <param name="count">Layers from there on.</param>
    /// <param name="storage">The checkpoint's formats; null where a precision was chosen.</param>
    /// <param name="covered">What the chosen precision covers.</param>
    public static FusedWeights Of(LlmModel model, int first, int count, WeightStorage? storage, WeightParts covered)
    {
        long hidden = model.HiddenSize;
        Dictionary<FusedTensor, int> tensors = [];
        Dictionary<LayerSpec, FusedTensor[]> plain = new(ReferenceEqualityComparer.Instance);
        for (int i = first; i < first + count; i++)
        {
            LayerSpec layer = model.Architecture.Layers[i];
            FusedTensor[]? fused;
            if (storage is not null)
            {
                fused = Fuse(layer, storage.MatricesOf(i), covered);
            }
            else if (!plain.TryGetValue(layer, out fused))
            {
                fused = Fuse(layer, layer.Attention.Matrices(hidden).Concat(layer.FeedForward.Matrices(hidden))
                    .Select(matrix => (matrix, (WeightFormat?)null)), covered);
                plain.Add(layer, fused);
            }

            foreach (FusedTensor tensor in fused)
            {
                tensors[tensor] = tensors.GetValueOrDefault(tensor) + 1;
            }
        }

        return new FusedWeights([.. tensors.Select(pair => (pair.Key, pair.Value))]);
    }

    private static FusedTensor[] Fuse(
        LayerSpec layer, IEnumerable<(WeightMatrix Matrix, WeightFormat? Format)> matrices, WeightParts covered)
    {
        List<((string Place, WeightFormat? Format, bool IsCovered) Key, FusedTensor Tensor)> fused = [];
        foreach ((WeightMatrix matrix, WeightFormat? format) in matrices)
        {
            (string Place, WeightFormat? Format, bool IsCovered) key = (PlaceOf(matrix.Name), format, covered.Includes(matrix));
            int known = fused.FindIndex(f => f.Key == key);
            FusedTensor tensor = Add(known < 0 ? new FusedTensor(RoleOf(matrix), format, key.IsCovered) : fused[known].Tensor, matrix, format);
            if (known < 0)
            {
                fused.Add((key, tensor));
            }
            else
            {
                fused[known] = (key, tensor);
            }
        }

        if (layer.Attention is LatentAttention latent)
        {
            fused.Add((("absorbed", null, false), new FusedTensor(TensorRole.Absorbed, null, false,
                Split: (long)latent.KeyValueRank * latent.HeadCount * (latent.NopeDimension + latent.ValueDimension))));
        }

        return [.. fused.Select(f => f.Tensor)];
    }

    private static FusedTensor Add(in FusedTensor tensor, in WeightMatrix matrix, WeightFormat? format)
    {
        long rows = matrix.Count * matrix.Rows;

        // The group of each column is dropped on loading where groups follow each other.
        long extra = format is null ? 0 : matrix.Count * (format.Bytes(matrix.Rows, matrix.Columns)
            - (matrix.Columns * format.ColumnBytes) - (((matrix.Rows * matrix.Columns * format.ElementBits) + 7) / 8));
        bool hasWholeRows = matrix.Sharding == WeightSharding.Split && IsRowParallel(matrix.Name);
        return matrix.Sharding switch
        {
            WeightSharding.KeyValue => tensor with
            {
                KeyValue = tensor.KeyValue + matrix.Elements,
                KeyValueRows = tensor.KeyValueRows + rows,
                KeyValueExtra = tensor.KeyValueExtra + extra,
            },
            WeightSharding.Copied => tensor with
            {
                Copied = tensor.Copied + matrix.Elements,
                CopiedRows = tensor.CopiedRows + rows,
                CopiedExtra = tensor.CopiedExtra + extra,
            },
            _ => tensor with
            {
                Split = tensor.Split + matrix.Elements,
                SplitRows = tensor.SplitRows + (hasWholeRows ? 0 : rows),
                CopiedRows = tensor.CopiedRows + (hasWholeRows ? rows : 0),
                SplitExtra = tensor.SplitExtra + extra,
            },
        };
    }

    private static TensorRole RoleOf(in WeightMatrix matrix) =>
        matrix.Sharding != WeightSharding.Experts ? TensorRole.Linear
        : IsRowParallel(matrix.Name) ? TensorRole.ExpertDown
        : TensorRole.ExpertUp;

    /// <summary>Matrices that ranks divide by their inputs, so that each has all outputs.</summary>
    private static bool IsRowParallel(string name) =>
        name.EndsWith("o_proj", StringComparison.Ordinal) || name.EndsWith("down_proj", StringComparison.Ordinal)
        || name.EndsWith("out_proj", StringComparison.Ordinal);

    private static string PlaceOf(string name)
    {
        int dot = name.LastIndexOf('.');
        return name[(dot + 1)..] switch
        {
            "q_proj" or "k_proj" or "v_proj" => name[..dot] + ".qkv_proj",
            "gate_proj" or "up_proj" => name[..dot] + ".gate_up_proj",
            "q_a_proj" or "kv_a_proj_with_mqa" => name[..dot] + ".fused_qkv_a_proj",
            _ => name,
        };
    }
}
