namespace LlmOps.Core.Tests;

public sealed class GuardTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(10)]
    public void A_whole_number_within_its_bounds_passes(long value)
    {
        Assert.Equal(value, Guard.InRange(value, 1, 10, "Size"));
    }

    [Theory]
    [InlineData(0, "Size is 0, but must be between 1 and 10. The nearest valid value is 1.")]
    [InlineData(11, "Size is 11, but must be between 1 and 10. The nearest valid value is 10.")]
    [InlineData(long.MinValue, "Size is -9223372036854775808, but must be between 1 and 10. The nearest valid value is 1.")]
    public void A_whole_number_outside_is_refused(long value, string message)
    {
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => Guard.InRange(value, 1, 10, "Size"));

        Assert.Equal(message, e.Message);
        Assert.Equal((Guard.OutOfRangeId, ErrorKind.InvalidArgument, (object)value), (e.ErrorId, e.Kind, e.Target!));
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(1)]
    public void A_number_within_its_bounds_passes(double value)
    {
        Assert.Equal(value, Guard.InRange(value, 0.5, 1, "Share"));
    }

    [Theory]
    [InlineData(0.25, "Share is 0.25, but must be between 0.5 and 1. The nearest valid value is 0.5.")]
    [InlineData(1.5, "Share is 1.5, but must be between 0.5 and 1. The nearest valid value is 1.")]
    [InlineData(double.NaN, "Share is NaN (not a number), but must be between 0.5 and 1.")]
    [InlineData(double.PositiveInfinity, "Share is Infinity, but must be between 0.5 and 1. The nearest valid value is 1.")]
    [InlineData(double.NegativeInfinity, "Share is -Infinity, but must be between 0.5 and 1. The nearest valid value is 0.5.")]
    public void A_number_outside_is_refused(double value, string message)
    {
        Assert.Equal(message, Assert.Throws<LlmOpsException>(() => Guard.InRange(value, 0.5, 1, "Share")).Message);
    }

    /// <summary>A message that says "is 1, but must be between 0.5 and 1" is of no help.</summary>
    [Fact]
    public void A_number_just_outside_is_not_shown_as_the_bound()
    {
        string message = Assert.Throws<LlmOpsException>(() => Guard.InRange(1 + 1e-9, 0.5, 1.0, "Share")).Message;

        Assert.StartsWith("Share is 1.000000001, but", message, StringComparison.Ordinal);
    }
}
