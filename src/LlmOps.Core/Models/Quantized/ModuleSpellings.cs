using System.Collections.Concurrent;

namespace LlmOps.Core.Models.Quantized;

/// <summary>
/// What different codes call the same module. A list of exceptions names modules as its model's code does, or as the
/// engine that fuses some of them does.
/// </summary>
internal static class ModuleSpellings
{
    private static readonly ConcurrentDictionary<string, string[]> s_known = new(StringComparer.Ordinal);

    /// <summary>The names of a module within its layer, the one of <see cref="WeightMatrix.Name"/> first.</summary>
    public static IReadOnlyList<string> Of(string name) => s_known.GetOrAdd(name, Spell);

    private static string[] Spell(string name)
    {
        int dot = name.LastIndexOf('.');
        string holder = name[..dot], leaf = name[(dot + 1)..];
        string[] leaves = leaf switch
        {
            "q_proj" or "k_proj" or "v_proj" => [leaf, "qkv_proj", "query_key_value"],
            "gate_proj" => [leaf, "gate_up_proj", "w1"],
            "up_proj" => [leaf, "gate_up_proj", "w3", "fc1"],
            "down_proj" => [leaf, "w2", "fc2"],
            "in_proj_qkvz" => [leaf, "in_proj_qkv", "in_proj_z"],
            "in_proj_ba" => [leaf, "in_proj_b", "in_proj_a"],
            _ => [leaf],
        };
        string[] holders = holder switch
        {
            "self_attn" => [holder, "attention", "mixer"],
            "linear_attn" => [holder, "mixer", "mamba", "self_attn"],
            "mlp" => [holder, "feed_forward", "mixer", "ffn"],
            "mlp.shared_experts" =>
                [holder, "mlp.shared_expert", "feed_forward.shared_expert", "mixer.shared_experts", "block_sparse_moe.shared_experts",
                    "ffn.shared_experts", "mlp.shared_mlp"],
            "mlp.experts.0" =>
                [holder, "mlp.experts", "block_sparse_moe.experts.0", "feed_forward.experts.0", "feed_forward.experts",
                    "mixer.experts.0", "ffn.experts.0"],
            _ => [holder],
        };
        return [.. holders.SelectMany(h => leaves.Select(l => h + "." + l))];
    }
}
