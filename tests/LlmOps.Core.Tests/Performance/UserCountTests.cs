using LlmOps.Core.Memory;
using LlmOps.Core.Models;
using LlmOps.Core.Performance;

namespace LlmOps.Core.Tests.Performance;

/// <summary>Users of all copies together, as the ranks that have sequences of their own share them.</summary>
public sealed class UserCountTests
{
    [Theory]
    [InlineData(1, 1, 1, 10, 10)]
    [InlineData(4, 1, 1, 10, 10)]
    [InlineData(1, 1, 4, 10, 3)]
    [InlineData(1, 1, 4, 8, 2)]
    [InlineData(2, 8, 1, 64, 16)]
    [InlineData(2, 8, 8, 64, 8)]
    [InlineData(8, 8, 1, 64, 64)]
    [InlineData(1, 1, 4, long.MaxValue, (long.MaxValue / 4) + 1)]
    [InlineData(1, 1, 4, 0, 0)]
    [InlineData(0, 8, 1, -5, -5)]
    public void Each_rank_has_those_of_the_fullest(int tensor, int expert, int data, long users, long ofRank)
    {
        PerformanceEstimateRequest request = new(
            new MemoryRequest(ModelCatalog.Get("DeepSeek-V3")) { Parallelism = new Parallelism(tensor, 1, expert, data) }, 10, 10);

        Assert.Equal(ofRank, request.WithUsers(users).Deployment.BatchSize);
    }
}
