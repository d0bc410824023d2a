using FsCheck;
using FsCheck.Fluent;
using LlmOps.Core.Hardware;
using LlmOps.Core.Memory;
using LlmOps.Core.Performance;

namespace LlmOps.Core.Tests.Properties;

public sealed class PerformanceEstimatePropertyTests
{
    /// <summary>Rounding in the last digits of long sums.</summary>
    private const double Rounding = 1 + 1e-9;

    private static readonly Gen<PerformanceEstimateRequest> s_requests =
        from memory in Gen.OneOf(Samples.Request, Samples.LlamaCpp)
        from gpu in Samples.Gpu
        from input in Samples.Length(15)
        from output in Samples.Length(12)
        select new PerformanceEstimateRequest(
            memory with { Gpu = gpu, GpuLayers = null, GpuMemoryUtilization = null, MaxModelLength = null }, input, output);

    [Fact]
    public void Every_estimate_is_finite_in_order_and_not_below_the_physical_floor()
    {
        int fitting = 0;
        Always.Holds(s_requests, 10_000, request =>
        {
            if (Estimate(request) is not { } e)
            {
                return;
            }

            if (!e.Fits)
            {
                Assert.Null(e.TimeToFirstTokenMs ?? e.TimePerOutputTokenMs ?? e.TotalSeconds ?? e.TokensPerSecond ?? e.RunningBatch);
                Assert.Null(e.Bottleneck);
                Assert.Empty(e.Terms);
                return;
            }

            fitting++;
            foreach (double? value in new[]
            {
                e.TimeToFirstTokenMs, e.TimePerOutputTokenMs, e.TotalSeconds, e.TokensPerSecond, e.TokensPerSecondPerUser, e.RunningBatch,
                e.ModelFlopsUtilizationPercent, e.TimeToFirstTokenLowMs, e.TimePerOutputTokenLowMs, e.TokensPerSecondLow,
            })
            {
                Assert.True(value is > 0 && double.IsFinite(value.Value), $"{value}");
            }

            Assert.InRange(e.ModelFlopsUtilizationPercent!.Value, 0, 100 * Rounding);
            Assert.InRange(e.MemoryBandwidthUtilizationPercent ?? 0, 0, 100 * Rounding);
            Assert.InRange(e.RunningBatch!.Value, 1, Math.Max(1, e.BatchSize * (double)Math.Max(1, e.ExpertParallelSize)));
            Assert.True(e.TimeToFirstTokenLowMs <= e.TimeToFirstTokenMs && e.TimeToFirstTokenMs <= e.TimeToFirstTokenHighMs);
            Assert.True(e.TimePerOutputTokenLowMs <= e.TimePerOutputTokenMs && e.TimePerOutputTokenMs <= e.TimePerOutputTokenHighMs);
            Assert.True(e.TokensPerSecondLow <= e.TokensPerSecond && e.TokensPerSecond <= e.TokensPerSecondHigh);
            Close(e.TimeToFirstTokenMs!.Value, Sum(e, PerformancePhase.FirstToken));
            Close(e.TimePerOutputTokenMs!.Value, Sum(e, PerformancePhase.OutputToken));

            Workload job = new(e.Model, (long)e.RunningBatch.Value, e.InputLength, e.OutputLength)
            {
                Quantization = request.Deployment.EffectiveQuantization,
                KvCacheDataType = request.Deployment.KvCacheDataType,
            };
            if (request.Deployment.Engine is Engine.vLLM)
            {
                PhysicalFloor floor = PhysicalFloor.Of(job, request.Deployment.Gpu!, e.GpuCount);
                Assert.True(e.DecodeSeconds * Rounding >= floor.DecodeSeconds, $"{e.DecodeSeconds} < {floor.DecodeSeconds}");
            }
        });
        Assert.True(fitting > 2000, $"only {fitting} fit");
    }

    /// <summary>Of one and the same chip, whose other figures stay.</summary>
    [Fact]
    public void More_bandwidth_is_never_slower() => Compare(
        (request, percent) => request with
        {
            Deployment = request.Deployment with { Gpu = WithBandwidth(request.Deployment.Gpu!, 1 + (percent / 100.0)) },
        },
        (before, after) =>
        {
            NotMore(after.TimeToFirstTokenMs, before.TimeToFirstTokenMs);
            NotMore(after.TimePerOutputTokenMs, before.TimePerOutputTokenMs);
            NotMore(before.TokensPerSecond, after.TokensPerSecond);
        });

    /// <summary>Where the pool holds all sequences; where it does not, fewer run, and each step may be the faster for it.</summary>
    [Fact]
    public void A_longer_prompt_never_makes_a_faster_step() => Compare(
        (request, more) => request with { InputLength = request.InputLength + more },
        (before, after) =>
        {
            NotMore(before.TimeToFirstTokenMs, after.TimeToFirstTokenMs);
            NotMore(before.TimePerOutputTokenMs, after.TimePerOutputTokenMs);
        },
        sameRunning: true);

    [Fact]
    public void More_users_never_make_a_faster_step() => Compare(
        (request, more) => request with { Deployment = request.Deployment with { BatchSize = request.Deployment.BatchSize + more } },
        (before, after) =>
        {
            NotMore(before.TimePerOutputTokenMs, after.TimePerOutputTokenMs);
            NotMore(before.TimeToFirstTokenMs, after.TimeToFirstTokenMs);
        });

    private static void Compare(
        Func<PerformanceEstimateRequest, long, PerformanceEstimateRequest> with,
        Action<PerformanceEstimate, PerformanceEstimate> holds,
        bool sameRunning = false)
    {
        int compared = 0;
        var cases =
            from request in s_requests
            from more in Samples.Length(12)
            select (request, more);
        Always.Holds(cases, 5000, c =>
        {
            if (Estimate(c.request) is { Fits: true } before && Estimate(with(c.request, c.more)) is { Fits: true } after
                && (!sameRunning || before.RunningBatch == after.RunningBatch))
            {
                compared++;
                holds(before, after);
            }
        });
        Assert.True(compared > 500, $"only {compared} cases could be compared");
    }

    /// <summary>Null where an engine refuses the combination.</summary>
    private static PerformanceEstimate? Estimate(PerformanceEstimateRequest request)
    {
        try
        {
            return PerformanceEstimator.Estimate(request);
        }
        catch (LlmOpsException)
        {
            return null;
        }
    }

    private static void NotMore(double? less, double? more) =>
        Assert.True(less <= more * Rounding, FormattableString.Invariant($"{less} > {more}"));

    private static void Close(double expected, double actual) => Assert.InRange(actual, expected / Rounding, expected * Rounding);

    private static double Sum(PerformanceEstimate e, PerformancePhase phase) =>
        e.Terms.Where(term => term.Phase == phase).Sum(term => term.Milliseconds);

    private static GpuSpec WithBandwidth(GpuSpec gpu, double factor) => new()
    {
        Name = gpu.Name,
        Vendor = gpu.Vendor,
        Architecture = gpu.Architecture,
        ComputeCapability = gpu.ComputeCapability,
        CapabilityNumber = gpu.CapabilityNumber,
        MultiprocessorCount = gpu.MultiprocessorCount,
        Aliases = gpu.Aliases,
        MemoryGB = gpu.MemoryGB,
        MemoryGiB = gpu.MemoryGiB,
        MemoryEvidence = gpu.MemoryEvidence,
        MemoryBandwidthGBps = gpu.MemoryBandwidthGBps * factor,
        DenseTflops = gpu.DenseTflops,
        MeasuredTflops = gpu.MeasuredTflops,
        HostLinkGBps = gpu.HostLinkGBps,
        GpuLink = gpu.GpuLink,
        GpuLinkGBps = gpu.GpuLinkGBps,
        TdpWatts = gpu.TdpWatts,
        Source = gpu.Source,
    };
}
