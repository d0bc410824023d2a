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
    private const int LargestFile = 16 << 20;

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters = { new JsonStringEnumConverter() },

        // Nothing that is saved goes deeper.
        MaxDepth = 8,
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

    /// <summary>The names of what is saved of one kind; a damaged file is of none.</summary>
    public IEnumerable<string> NamesOf(CalibrationKind kind)
    {
        foreach (string name in Names)
        {
            CalibrationKind? found = null;
            try
            {
                found = Open(Path.Combine(_folder, name + Extension)).KindOf;
            }
            catch (LlmOpsException)
            {
            }

            if (found == kind)
            {
                yield return name;
            }
        }
    }

    public string PathOf(string name)
    {
        MemoryCalibration.ValidateName(name);
        return Path.Combine(_folder, name + Extension);
    }

    public bool Contains(string name) => File.Exists(PathOf(name));

    /// <exception cref="LlmOpsException">It cannot be written; what was there before is as it was.</exception>
    public void Save<T>(T calibration)
        where T : class, ICalibration
    {
        string target = PathOf(calibration.Name);
        Document document = new(Format, T.Kind, JsonSerializer.SerializeToElement(calibration, s_json));
        try
        {
            WholeFile.Replace(target, stream => JsonSerializer.Serialize(stream, document, s_json));
        }
        catch (Exception e) when (WholeFile.IsFailure(e))
        {
            throw new LlmOpsException("CalibrationNotSaved", ErrorKind.AccessDenied,
                $"The calibration cannot be written to '{target}': {e.Message} LLMOPS_DATA names another folder.", target, e);
        }
    }

    /// <exception cref="LlmOpsException">There is none of that name and kind, or its file is damaged.</exception>
    public T Load<T>(string name)
        where T : class, ICalibration
    {
        string path = PathOf(name);
        return File.Exists(path)
            ? Read<T>(path)
            : throw new LlmOpsException("CalibrationNotFound", ErrorKind.NotFound,
                $"There is no calibration '{name}'.{NameMatcher.Suggest(name, NamesOf(T.Kind))} New-LlmCalibration makes one.", name);
    }

    /// <summary>Reads a calibration from any file.</summary>
    /// <exception cref="LlmOpsException">The file cannot be read, or holds no calibration of the kind.</exception>
    public static T Read<T>(string path)
        where T : class, ICalibration
    {
        Document document = Open(path);
        if (document.KindOf != T.Kind)
        {
            throw CalibrationKinds.Mismatch($"'{path}'", document.KindOf, T.Kind, path);
        }

        try
        {
            T? calibration = document.Calibration.Deserialize<T>(s_json);
            return calibration is null ? throw Invalid(path, "it is not of this form", null)
                : calibration.Fault is { } fault ? throw Invalid(path, fault, null)
                : calibration;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw Invalid(path, e.Message, e);
        }
    }

    private static Document Open(string path)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return stream.Length <= LargestFile
                && JsonSerializer.Deserialize<Document>(stream, s_json)
                    is { Format: Format, Calibration.ValueKind: JsonValueKind.Object } document
                && Enum.IsDefined(document.KindOf)
                    ? document
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

    private static LlmOpsException Invalid(string path, string reason, Exception? inner) => new(
        "CalibrationInvalid", ErrorKind.InvalidData,
        $"'{path}' holds no calibration: {reason}. New-LlmCalibration makes one.", path, inner);

    // Files from before there were several kinds do not say theirs.
    private sealed record Document(int Format, CalibrationKind? Kind, JsonElement Calibration)
    {
        [JsonIgnore]
        public CalibrationKind KindOf => Kind ?? CalibrationKind.Memory;
    }
}
