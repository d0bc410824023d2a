using LlmOps.Core.Hardware;

namespace LlmOps.Core.Tests.Hardware;

public sealed class GpuCatalogTests
{
    public static TheoryData<string> Names { get; } = [.. GpuCatalog.All.Select(gpu => gpu.Name)];

    /// <summary>GB/s of memory, and dense 16-bit TFLOPS: the sparse figure that data sheets print first is twice that.</summary>
    [Theory]
    [InlineData("T4", 320, 65)] // NVIDIA T4 data sheet
    [InlineData("V100-16GB", 900, 125)] // NVIDIA V100 data sheet
    [InlineData("L4", 300, 121)] // NVIDIA L4 data sheet: 242 with sparsity
    [InlineData("L40S", 864, 362)] // NVIDIA L40S data sheet: 733 with sparsity
    [InlineData("A10G", 600, 70)] // AWS EC2 G5; also quoted as 62.5 and 125, see the catalogue's sources
    [InlineData("A100-40GB", 1555, 312)] // NVIDIA A100 data sheet: 624 with sparsity
    [InlineData("A100-80GB", 2039, 312)]
    [InlineData("H100-80GB", 3350, 989)] // NVIDIA H100 data sheet: 1,979 with sparsity
    [InlineData("H100-PCIe-80GB", 2000, 756)]
    [InlineData("H200", 4800, 989)] // NVIDIA H200 data sheet
    [InlineData("B200", 8000, 2250)] // NVIDIA DGX B200 data sheet: 4.5 PFLOPS with sparsity
    [InlineData("MI300X", 5300, 1307)] // AMD Instinct MI300X data sheet: 2,615 with sparsity
    [InlineData("MI325X", 6000, 1307)] // AMD Instinct MI325X data sheet
    [InlineData("RTX-4090", 1008, 165.2)] // NVIDIA Ada GPU architecture: with FP32 accumulation; 330 without
    public void A_GPU_has_the_figures_of_its_data_sheet(string name, double bandwidth, double tflops)
    {
        GpuSpec gpu = GpuCatalog.Get(name);

        Assert.Equal(bandwidth, gpu.MemoryBandwidthGBps, 0.001 * bandwidth);
        Assert.Equal(tflops, gpu.Fp16Tflops, 0.001 * tflops);
    }

    /// <summary>As drivers report it; the label is more.</summary>
    [Theory]
    [InlineData("H100-80GB", 79.19)] // vLLM 0.19 start-up reports, llm-d-planner
    [InlineData("A100-80GB", 79.15)] // PyTorch out-of-memory messages: "79.15 GiB total capacity"
    [InlineData("A100-40GB", 39.56)]
    [InlineData("MI300X", 191.98)]
    public void Memory_is_what_the_driver_reports(string name, double gib)
    {
        Assert.Equal(gib, GpuCatalog.Get(name).MemoryGiB);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_GPU_is_complete_and_plausible(string name)
    {
        GpuSpec gpu = GpuCatalog.Get(name);

        Assert.InRange(gpu.MemoryGiB, 0.9 * gpu.MemoryGB, gpu.MemoryGB);
        Assert.InRange(gpu.MemoryBandwidthGBps, 100, 20_000);
        Assert.InRange(gpu.Fp16Tflops, 10, 10_000);
        Assert.InRange(gpu.HostLinkGBps, 8, 1000);
        Assert.InRange(gpu.GpuLinkGBps, 8, 2000);
        Assert.True(gpu.MemoryBandwidthGBps > gpu.HostLinkGBps);
        Assert.NotEmpty(gpu.Source);
        Assert.NotEmpty(gpu.Architecture);
        Assert.NotEmpty(gpu.Vendor);
    }

    /// <summary>Half the bits, twice the operations; where vendors build fewer units for a type, never more than that.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Smaller_types_are_faster_in_proportion(string name)
    {
        GpuSpec gpu = GpuCatalog.Get(name);
        DenseThroughput peak = gpu.DenseTflops;

        if (peak.Fp8 is { } fp8 && gpu.Vendor != "Intel")
        {
            Assert.InRange(fp8 / gpu.Fp16Tflops, 1.95, 2.05);
        }

        if (peak.Fp4 is { } fp4)
        {
            Assert.InRange(fp4 / peak.Fp8!.Value, 1.95, 4.05);
        }

        if (peak.Tf32 is { } tf32)
        {
            Assert.InRange(tf32 / gpu.Fp16Tflops, 0.2, 0.55);
        }

        if (peak.Fp32 is { } fp32)
        {
            Assert.True(fp32 < gpu.Fp16Tflops);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void No_measured_product_is_faster_than_the_peak(string name)
    {
        GpuSpec gpu = GpuCatalog.Get(name);

        Assert.InRange(gpu.MeasuredTflops ?? gpu.Fp16Tflops, 0.4 * gpu.Fp16Tflops, gpu.Fp16Tflops);
    }

    [Fact]
    public void Names_and_aliases_belong_to_one_GPU_each_and_resolve_to_it()
    {
        Dictionary<string, string> owners = [];
        foreach (GpuSpec gpu in GpuCatalog.All)
        {
            foreach (string spelling in gpu.Aliases.Prepend(gpu.Name))
            {
                string canonical = NameMatcher.Canonical(spelling);
                Assert.True(owners.TryAdd(canonical, gpu.Name) || owners[canonical] == gpu.Name,
                    $"{spelling} belongs to {owners[canonical]} and to {gpu.Name}");
                Assert.Same(gpu, GpuCatalog.Get(spelling));
            }
        }
    }

    [Theory]
    [InlineData("h100_sxm", "H100-80GB")]
    [InlineData("H100", "H100-80GB")]
    [InlineData("NVIDIA H100 80GB HBM3", "H100-80GB")]
    [InlineData("nvidia h100 pcie", "H100-PCIe-80GB")]
    [InlineData("NVIDIA A100-SXM4-80GB", "A100-80GB")]
    [InlineData("NVIDIA A100-SXM4-40GB", "A100-40GB")]
    [InlineData("NVIDIA A100-PCIE-40GB", "A100-PCIe-40GB")]
    [InlineData("a100_80gb", "A100-80GB")]
    [InlineData("Tesla T4", "T4")]
    [InlineData("NVIDIA Tesla T4", "T4")]
    [InlineData("Tesla V100-SXM2-16GB", "V100-16GB")]
    [InlineData("NVIDIA GeForce RTX 4090", "RTX-4090")]
    [InlineData("rtx4090", "RTX-4090")]
    [InlineData("AMD Instinct MI300X", "MI300X")]
    [InlineData("NVIDIA L40S", "L40S")]
    [InlineData("gh200_sxm", "GH200")]
    [InlineData("gb200_sxm", "GB200")]
    public void The_usual_spellings_of_a_GPU_find_it(string spelling, string name)
    {
        Assert.Equal(name, GpuCatalog.Get(spelling).Name);
    }

    [Theory]
    [InlineData("H10-80GB", "H100-80GB")]
    [InlineData("RTX-4900", "RTX-4090")]
    [InlineData("MI300Y", "MI300X")]
    public void A_misspelt_GPU_is_refused_with_the_nearest_one(string spelling, string suggestion)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => GpuCatalog.Get(spelling));

        Assert.Equal(("GpuNotFound", ErrorKind.NotFound, (object)spelling), (e.ErrorId, e.Kind, e.Target!));
        Assert.Contains($"Did you mean {suggestion}?", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nvidia")]
    [InlineData("显卡")]
    public void A_spelling_of_no_GPU_is_refused(string spelling)
    {
        Assert.Equal("GpuNotFound", Assert.Throws<LlmOpsException>(() => GpuCatalog.Get(spelling)).ErrorId);
    }

    [Fact]
    public void Wildcards_find_names_and_aliases()
    {
        Assert.Equal(["A100-40GB", "A100-80GB", "A100-PCIe-40GB", "A100-PCIe-80GB"],
            GpuCatalog.Find("A100-*").Select(gpu => gpu.Name).Order(StringComparer.Ordinal));
        Assert.Equal(GpuCatalog.All.Count, GpuCatalog.Find("*").Count());
        Assert.Equal(GpuCatalog.Find("h2*"), GpuCatalog.Match("h2*"));
        Assert.All(GpuCatalog.Find("H*"), gpu => Assert.StartsWith("H", gpu.Name, StringComparison.Ordinal));
        Assert.Contains(GpuCatalog.Find("HGX-*"), gpu => gpu.Name == "B200");
        Assert.Equal([GpuCatalog.Get("H100-80GB")], GpuCatalog.Match("h100_sxm"));
        Assert.Contains("No GPU matches 'L5*'", Assert.Throws<LlmOpsException>(() => GpuCatalog.Match("L5*")).Message, StringComparison.Ordinal);
    }
}
