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
        using (FileStream file = new(store.PathOf("x"), FileMode.Create))
        {
            file.SetLength(17 << 20);
        }

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

    [Fact]
    public void A_name_is_one_calibration_of_one_kind()
    {
        CalibrationStore store = new(_folder);
        store.Save(Sample("memory"));
        store.Save(Times("times"));
        File.WriteAllText(Path.Combine(_folder, "damaged.json"), "{");

        Assert.Equal(["memory"], store.NamesOf(CalibrationKind.Memory));
        Assert.Equal(["times"], store.NamesOf(CalibrationKind.Time));
        LlmOpsException e = Assert.Throws<LlmOpsException>(() => store.Load<MemoryCalibration>("times"));
        Assert.Equal("CalibrationKindMismatch", e.ErrorId);
        Assert.Contains("Get-LlmPerformanceEstimate", e.Message, StringComparison.Ordinal);
        Assert.Equal("CalibrationKindMismatch", Assert.Throws<LlmOpsException>(() => store.Load<TimeCalibration>("memory")).ErrorId);

        // Only what could be used is suggested.
        Assert.DoesNotContain("Did you mean", Assert.Throws<LlmOpsException>(() => store.Load<TimeCalibration>("memoryy")).Message, StringComparison.Ordinal);

        store.Save(Sample("times"));
        Assert.Equal(["memory", "times"], store.NamesOf(CalibrationKind.Memory));
    }

    [Fact]
    public void Times_are_read_back_as_they_were_saved()
    {
        CalibrationStore store = new(_folder);
        TimeCalibration saved = Times("times");

        store.Save(saved);
        TimeCalibration read = store.Load<TimeCalibration>("times");

        Assert.Equal(saved.TimePerOutputToken, read.TimePerOutputToken);
        Assert.Equal(saved.TimeToFirstToken, read.TimeToFirstToken);
        Assert.Equal(saved.Residuals, read.Residuals);
        Assert.Equal((saved.Engines, saved.Gpus, saved.Models), (read.Engines, read.Gpus, read.Models), (a, b) =>
            a.Engines.SequenceEqual(b.Engines) && a.Gpus.SequenceEqual(b.Gpus) && a.Models.SequenceEqual(b.Models));
        Assert.Null(read.Coefficients);
    }

    [Fact]
    public void Refined_coefficients_are_read_back_and_those_of_another_release_refused()
    {
        CalibrationStore store = new(_folder);
        TimeCalibration saved = TimeCalibration.FitCoefficients("refined", [Measured(1), Measured(64)]);

        store.Save(saved);
        TimeCalibration read = store.Load<TimeCalibration>("refined");

        Assert.NotEmpty(saved.Coefficients!.Changes);
        Assert.Equal(saved.Coefficients.Changes, read.Coefficients!.Changes);
        string text = File.ReadAllText(store.PathOf("refined"));
        CoefficientChange first = saved.Coefficients.Changes[0];
        Refused(text.Replace($"\"name\": \"{first.Name}\"", "\"name\": \"noSuchName\"", StringComparison.Ordinal), "noSuchName");
        store.Save(saved with { Coefficients = saved.Coefficients with { Changes = [first with { Before = 2 * first.Before }] } });
        Refused(File.ReadAllText(store.PathOf("refined")), "make it again");

        void Refused(string content, string reason)
        {
            File.WriteAllText(store.PathOf("x"), content);
            LlmOpsException e = Assert.Throws<LlmOpsException>(() => store.Load<TimeCalibration>("x"));
            Assert.Equal("CalibrationInvalid", e.ErrorId);
            Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("\"alpha\": ", "\"alpha\": -")]
    [InlineData("\"alpha\": ", "\"alpha\": 9999")]
    [InlineData("\"betaMs\": ", "\"betaMs\": -1")]
    [InlineData("\"count\": ", "\"count\": -")]
    [InlineData("\"low\": ", "\"low\": 7")]
    [InlineData("\"high\": ", "\"high\": -")]
    [InlineData("\"before\": {", "\"before\": null, \"was\": {")]
    [InlineData("\"medianPercent\": ", "\"medianPercent\": -1")]
    [InlineData("\"residuals\": [", "\"residuals\": [null, ")]
    [InlineData("\"gpus\": [", "\"gpus\": [null, ")]
    [InlineData("\"kind\": \"Time\"", "\"kind\": \"Space\"")]
    [InlineData("\"kind\": \"Time\"", "\"kind\": 7")]
    public void A_file_of_times_that_cannot_be_is_refused(string good, string bad)
    {
        CalibrationStore store = new(_folder);
        store.Save(Times("x"));
        string text = File.ReadAllText(store.PathOf("x"));
        Assert.Contains(good, text, StringComparison.Ordinal);
        File.WriteAllText(store.PathOf("x"), text.Replace(good, bad, StringComparison.Ordinal));

        Assert.Equal("CalibrationInvalid", Assert.Throws<LlmOpsException>(() => store.Load<TimeCalibration>("x")).ErrorId);
    }

    [Fact]
    public void A_file_of_times_that_was_cut_off_anywhere_is_refused()
    {
        CalibrationStore store = new(_folder);
        store.Save(Times("x"));
        string text = File.ReadAllText(store.PathOf("x"));
        for (int length = 0; length < text.TrimEnd().Length; length += 7)
        {
            File.WriteAllText(store.PathOf("x"), text[..length]);
            Assert.Equal("CalibrationInvalid", Assert.Throws<LlmOpsException>(() => store.Load<TimeCalibration>("x")).ErrorId);
        }
    }

    private static TimeCalibration Times(string name) => TimeCalibration.Fit(name, [Measured(1), Measured(16), Measured(64)]);

    private static TimeMeasurement Measured(long batch) => TimeMeasurement.Of(new MeasurementRow("row", new Dictionary<string, object?>
    {
        ["Model"] = "Llama-3.1-8B", ["Gpu"] = "H100", ["BatchSize"] = batch, ["InputLength"] = 1024, ["OutputLength"] = 1024,
        ["TtftMs"] = 60 + (3 * batch), ["TpotMs"] = 9 + (0.16 * batch),
    }));
}
