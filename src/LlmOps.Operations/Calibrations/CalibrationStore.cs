using System.Text.Json;
using System.Text.Json.Serialization;
using LlmOps.Core;
using LlmOps.Core.Calibration;

namespace LlmOps.Operations.Calibrations;

/// <summary>The user's calibrations: one file each, under its name, in the user's data folder.</summary>
public sealed class CalibrationStore
{
    private const string Extension = ".json";
    private const int Format = 1;
    private const int LargestFile = 1 << 20;

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter() },
    };

    private readonly string _folder;

    /// <param name="folder">Made when something is first saved.</param>
    public CalibrationStore(string folder) => _folder = folder;

    /// <exception cref="LlmOpsException">The user has no folder.</exception>
    public static CalibrationStore OfUser(Func<string, string?>? environment = null) =>
        new(Path.Combine(
            UserData.Folder(environment) ?? throw new LlmOpsException("CalibrationNotSaved", ErrorKind.NotFound,
                "There is no folder for the user's data; LLMOPS_DATA names one.", null),
            "calibrations"));

    /// <summary>The names of what is saved.</summary>
    public IReadOnlyList<string> Names => Directory.Exists(_folder)
        ? [.. Directory.EnumerateFiles(_folder, "*" + Extension).Select(file => Path.GetFileNameWithoutExtension(file)!)
            .Order(StringComparer.OrdinalIgnoreCase)]
        : [];

    public string PathOf(string name)
    {
        MemoryCalibration.ValidateName(name);
        return Path.Combine(_folder, name + Extension);
    }

    public bool Contains(string name) => File.Exists(PathOf(name));

    /// <summary>Writes beside the target and then takes its place, so that no half of it is ever seen.</summary>
    /// <exception cref="LlmOpsException">It cannot be written; what was there before is as it was.</exception>
    public void Save(MemoryCalibration calibration)
    {
        string target = PathOf(calibration.Name);
        string unfinished = target + "." + Path.GetRandomFileName();
        try
        {
            Directory.CreateDirectory(_folder);
            using (FileStream stream = new(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                JsonSerializer.Serialize(stream, new Document(Format, calibration), s_json);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, target, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(unfinished))
            {
                File.Delete(unfinished);
            }

            throw new LlmOpsException("CalibrationNotSaved", ErrorKind.AccessDenied,
                $"The calibration cannot be written to '{target}': {e.Message} LLMOPS_DATA names another folder.", target, e);
        }
    }

    /// <exception cref="LlmOpsException">There is none of that name, or its file is damaged.</exception>
    public MemoryCalibration Load(string name)
    {
        string path = PathOf(name);
        return File.Exists(path)
            ? Read(path)
            : throw new LlmOpsException("CalibrationNotFound", ErrorKind.NotFound,
                $"There is no calibration '{name}'.{NameMatcher.Suggest(name, Names)} New-LlmCalibration makes one.", name);
    }

    /// <summary>Reads a calibration from any file.</summary>
    /// <exception cref="LlmOpsException">The file cannot be read, or holds no calibration.</exception>
    public static MemoryCalibration Read(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return stream.Length <= LargestFile
                && JsonSerializer.Deserialize<Document>(stream, s_json) is { Format: Format, Calibration: { } calibration }
                && IsSound(calibration)
                    ? calibration
                    : throw Invalid(path, "it is not of this form", null);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw Invalid(path, e.Message, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LlmOpsException("CalibrationNotFound", ErrorKind.NotFound, $"'{path}' cannot be read: {e.Message}", path, e);
        }
    }

    /// <summary>A factor that says a term is a thousand times what is estimated comes from no measurement.</summary>
    private static bool IsSound(MemoryCalibration calibration)
    {
        static bool IsTerm(TermCalibration? term) =>
            term is { Factor: > 0.001 and < 1000, Low: > -1000 and <= 1, High: >= 1 and < 1000, Count: >= 0 };
        return Enum.IsDefined(calibration.Engine) && calibration.Name is { Length: > 0 }
            && calibration.Models is not null && calibration.Gpus is not null && calibration.EngineVersions is not null
            && IsTerm(calibration.ModelWeights) && IsTerm(calibration.Activations)
            && IsTerm(calibration.NonTorch) && IsTerm(calibration.CudaGraphs);
    }

    private static LlmOpsException Invalid(string path, string reason, Exception? inner) => new(
        "CalibrationInvalid", ErrorKind.InvalidData,
        $"'{path}' holds no calibration: {reason}. New-LlmCalibration makes one.", path, inner);

    private sealed record Document(int Format, MemoryCalibration Calibration);
}
