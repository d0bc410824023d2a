using LlmOps.Core;
using LlmOps.Core.Calibration;
using LlmOps.Core.Memory;
using LlmOps.Operations.Calibrations;

namespace LlmOps.Operations.Tests.Calibrations;

public sealed class CalibrationStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("calibrations").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static MemoryCalibration Sample(string name = "sample") => new()
    {
        Name = name,
        Engine = Engine.vLLM,
        EngineVersions = ["0.19"],
        Gpus = ["H100-80GB"],
        Models = ["Llama-3.1-8B"],
        MeasurementCount = 4,
        Activations = new TermCalibration(1.0625, 0.98, 1.04, 4),
    };

    [Fact]
    public void What_is_saved_is_read_back()
    {
        CalibrationStore store = new(_folder);

        store.Save(Sample());
        MemoryCalibration read = store.Load<MemoryCalibration>("sample");

        Assert.Equal(Sample().Activations, read.Activations);
        Assert.Equal(["0.19"], read.EngineVersions);
        Assert.Equal(["sample"], store.Names);
        Assert.Single(Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_name_that_is_not_there_suggests_the_nearest()
    {
        CalibrationStore store = new(_folder);
        store.Save(Sample("h100-vllm"));

        LlmOpsException e = Assert.Throws<LlmOpsException>(() => store.Load<MemoryCalibration>("h100-vlm"));

        Assert.Equal("CalibrationNotFound", e.ErrorId);
        Assert.Contains("h100-vllm", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"format\": 1}")]
    [InlineData("{\"format\": 2, \"calibration\": {\"name\": \"x\", \"engine\": \"vLLM\", \"measurementCount\": 1}}")]
    [InlineData("{\"format\": 1, \"calibration\": {\"name\": \"x\", \"engine\": \"none\", \"measurementCount\": 1}}")]
    [InlineData("{\"format\": 1, \"calibration\": {\"name\": \"x\", \"engine\": 99, \"measurementCount\": 1}}")]
    [InlineData("{\"format\": 1, \"calibration\": {\"name\": \"x\", \"engine\": \"vLLM\", \"measurementCount\": 1, \"activations\": null}}")]
    [InlineData("{\"format\": 1, \"calibration\": {\"name\": \"x\", \"engine\": \"vLLM\", \"measurementCount\": 1, \"activations\": {\"factor\": -1, \"low\": 1, \"high\": 1, \"count\": 1}}}")]
    [InlineData("{\"format\": 1, \"calibration\": {\"name\": \"x\", \"engine\": \"vLLM\", \"measurementCount\": 1, \"activations\": {\"factor\": 1e999, \"low\": 1, \"high\": 1, \"count\": 1}}}")]
    public void A_damaged_file_is_refused(string content)
    {
        CalibrationStore store = new(_folder);
        File.WriteAllText(store.PathOf("x"), content);

        Assert.Equal("CalibrationInvalid", Assert.Throws<LlmOpsException>(() => store.Load<MemoryCalibration>("x")).ErrorId);
    }

    [Fact]
    public void A_file_that_is_far_too_large_is_not_read()
    {
        CalibrationStore store = new(_folder);
        File.WriteAllText(store.PathOf("x"), new string(' ', 2 << 20));

        Assert.Equal("CalibrationInvalid", Assert.Throws<LlmOpsException>(() => store.Load<MemoryCalibration>("x")).ErrorId);
    }

    [Fact]
    public void What_cannot_be_written_leaves_nothing_behind()
    {
        string file = Path.Combine(_folder, "a-file");
        File.WriteAllText(file, "");

        LlmOpsException e = Assert.Throws<LlmOpsException>(() => new CalibrationStore(Path.Combine(file, "x")).Save(Sample()));

        Assert.Equal("CalibrationNotSaved", e.ErrorId);
        Assert.Equal([file], Directory.GetFileSystemEntries(_folder));
    }
}
