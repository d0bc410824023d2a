using LlmOps.Core.Precision;

namespace LlmOps.Core.Hardware;

/// <summary>Dense matrix throughput by element type, in TFLOPS (TOPS for integers), without structured sparsity.</summary>
public sealed record DenseThroughput
{
    public double? Fp32 { get; init; }

    public double? Tf32 { get; init; }

    public double? Fp16 { get; init; }

    public double? Bf16 { get; init; }

    public double? Fp8 { get; init; }

    public double? Int8 { get; init; }

    public double? Fp4 { get; init; }

    public override string ToString() => string.Join(", ",
        new (string Name, double? Value)[]
        {
            ("FP32", Fp32), ("TF32", Tf32), ("FP16", Fp16), ("BF16", Bf16), ("FP8", Fp8), ("INT8", Int8), ("FP4", Fp4),
        }
        .Where(type => type.Value is not null)
        .Select(type => FormattableString.Invariant($"{type.Name} {type.Value}")));
}

/// <summary>A GPU's data sheet.</summary>
public sealed class GpuSpec
{
    internal GpuSpec()
    {
    }

    /// <summary>As in the catalogue: <c>H100-80GB</c>.</summary>
    public required string Name { get; init; }

    public required string Vendor { get; init; }

    /// <summary>The chip generation: <c>Hopper</c>, <c>CDNA 3</c>.</summary>
    public required string Architecture { get; init; }

    public string? ComputeCapability { get; init; }

    /// <summary><see cref="ComputeCapability"/> as a number; 0 for other vendors' chips.</summary>
    internal double CapabilityNumber { get; init; }

    /// <summary>Streaming multiprocessors; null where the sources do not say, and for other vendors' chips.</summary>
    public int? MultiprocessorCount { get; init; }

    /// <summary>Other spellings that resolve to this GPU.</summary>
    public required IReadOnlyList<string> Aliases { get; init; }

    /// <summary>The vendor's label, in decimal or binary gigabytes as the vendor pleases.</summary>
    public required double MemoryGB { get; init; }

    /// <summary>What the driver reports to programs as total device memory, in GiB; less than the label.</summary>
    public required double MemoryGiB { get; init; }

    /// <summary>Whether <see cref="MemoryGiB"/> was measured, taken from a data sheet or assumed.</summary>
    public required Evidence MemoryEvidence { get; init; }

    public string? MemoryType { get; init; }

    /// <summary>Decimal GB/s between the chip and its memory.</summary>
    public required double MemoryBandwidthGBps { get; init; }

    /// <summary>Dense peak by element type.</summary>
    public required DenseThroughput DenseTflops { get; init; }

    /// <summary>The best 16-bit matrix product that was measured, in TFLOPS; null where none is published.</summary>
    public double? MeasuredTflops { get; init; }

    /// <summary>Decimal GB/s to the host in one direction, nominal.</summary>
    public required double HostLinkGBps { get; init; }

    /// <summary>What connects GPUs in one machine: NVLink, Infinity Fabric, or PCIe.</summary>
    public required string GpuLink { get; init; }

    /// <summary>Decimal GB/s from one GPU to the others in one direction, nominal.</summary>
    public required double GpuLinkGBps { get; init; }

    /// <summary>Whether GPUs of a machine reach each other over the host's bus alone.</summary>
    internal bool IsLinkedByPcie => GpuLink == "PCIe";

    public double? TdpWatts { get; init; }

    public string? Note { get; init; }

    /// <summary>Where the figures were published.</summary>
    public required string Source { get; init; }

    /// <summary>Peak of the 16-bit matrix units in TFLOPS, the figure that GPUs are compared by: of the faster 16-bit type.</summary>
    public double Fp16Tflops => (DenseTflops.Fp16, DenseTflops.Bf16) switch
    {
        ({ } fp16, { } bf16) => Math.Max(fp16, bf16),
        ({ } fp16, null) => fp16,
        (null, { } bf16) => bf16,
        _ => DenseTflops.Fp32 ?? 0,
    };

    /// <summary>
    /// Dense peak in TFLOPS for products of weights stored like that. Where the chip has no units for the type, or slower ones,
    /// those of the next wider type do the work: FP4 as FP8, FP8 and INT8 as 16 bits.
    /// </summary>
    public double PeakTflops(Quantization quantization)
    {
        double wide = Fp16Tflops;
        return quantization.ComputeBytes switch
        {
            > 2 => DenseTflops.Tf32 ?? DenseTflops.Fp32 ?? wide,
            > 1 => wide,
            > 0.5 when quantization.Name == "INT8" => Math.Max(DenseTflops.Int8 ?? 0, wide),
            > 0.5 => Math.Max(DenseTflops.Fp8 ?? 0, wide),
            _ => Math.Max(DenseTflops.Fp4 ?? DenseTflops.Fp8 ?? 0, wide),
        };
    }

    public override string ToString() => Name;
}
