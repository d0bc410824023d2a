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

    public double? TdpWatts { get; init; }

    public string? Note { get; init; }

    /// <summary>Where the figures were published.</summary>
    public required string Source { get; init; }

    /// <summary>Peak of the 16-bit matrix units in TFLOPS, the figure that GPUs are compared by.</summary>
    public double Fp16Tflops => DenseTflops.Fp16 ?? DenseTflops.Bf16 ?? DenseTflops.Fp32 ?? 0;

    /// <summary>
    /// Dense peak in TFLOPS for products of elements of that size. Where the chip has no unit for the type, the next wider
    /// one does the work.
    /// </summary>
    /// <param name="computeBytes">Bytes of an element as it is multiplied: <see cref="Quantization.ComputeBytes"/>.</param>
    public double PeakTflops(double computeBytes)
    {
        double? peak = computeBytes <= 0.5 ? DenseTflops.Fp4 : null;
        peak ??= computeBytes <= 1 ? DenseTflops.Fp8 ?? DenseTflops.Int8 : null;
        peak ??= computeBytes <= 2 ? Fp16Tflops : null;
        return peak ?? DenseTflops.Tf32 ?? DenseTflops.Fp32 ?? Fp16Tflops;
    }

    public override string ToString() => Name;
}
