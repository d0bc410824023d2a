using System.Text.Json;

namespace LlmOps.Core.Models;

/// <summary>
/// Typed, bounded access to the fields of one JSON object of a configuration. Each figure is a claim: a missing field, a
/// wrong type or an impossible size is refused by the field's name.
/// </summary>
internal readonly struct ConfigFields
{
    /// <summary>Far above anything published, and low enough that products of three such widths fit a long.</summary>
    private const int MaximumWidth = 1 << 20;

    /// <summary>Layers are built one by one, so that their number bounds the work that a file can ask for.</summary>
    private const int MaximumLayers = 4096;

    private readonly JsonElement _object;
    private readonly string _origin;

    public ConfigFields(JsonElement element, string origin)
    {
        _object = element;
        _origin = origin;
    }

    /// <summary>A width, count or rank between 1 and 2²⁰.</summary>
    public int Width(string name) => Integer(name, 1, MaximumWidth) ?? throw Missing(name);

    /// <summary>The same, with the value that the architecture's own class gives where the field is absent or null.</summary>
    public int Width(string name, int otherwise) => Integer(name, 1, MaximumWidth) ?? otherwise;

    /// <summary>A count that may be 0, and is where the field is absent or null.</summary>
    public int Count(string name) => Integer(name, 0, MaximumWidth) ?? 0;

    /// <summary>Multi-token-prediction layers, of which published models have three at most; 0 where the field is absent.</summary>
    public int PredictionLayers(string name) => Integer(name, 0, 64) ?? 0;

    public int Layers(string name, int? otherwise = null) => Integer(name, 1, MaximumLayers) ?? otherwise ?? throw Missing(name);

    /// <summary>The number of layers under the first of two names that is there.</summary>
    public int Layers(string name, string otherName) => Integer(name, 1, MaximumLayers) ?? Layers(otherName);

    /// <summary>A vocabulary or a context, which run larger than widths.</summary>
    public int Length(string name, int? otherwise = null) =>
        Integer(name, 1, 1 << 28) ?? otherwise ?? throw Missing(name);

    /// <summary>A width that may be absent, null or 0, all of which mean that there is none.</summary>
    public int? OptionalWidth(string name) => Integer(name, 0, 1 << 28) is { } value and > 0 ? value : null;

    public bool Flag(string name, bool otherwise)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return otherwise;
        }

        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(name, value, "true or false"),
        };
    }

    public string? Text(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(name, value, "a string");
    }

    public ConfigFields? Object(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Object
            ? new ConfigFields(value, _origin)
            : throw Wrong(name, value, "an object");
    }

    /// <summary>A list of strings, or null where the field is absent.</summary>
    public IReadOnlyList<string>? Texts(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(name, value, "a list of strings");
        }

        List<string> texts = new(value.GetArrayLength());
        foreach (JsonElement item in value.EnumerateArray())
        {
            texts.Add(item.ValueKind == JsonValueKind.String
                ? item.GetString()!
                : throw Wrong(name, item, "a list of strings"));
        }

        return texts;
    }

    /// <summary>A list of layer numbers from 0 on; empty where the field is absent.</summary>
    public IReadOnlySet<int> LayerNumbers(string name)
    {
        HashSet<int> numbers = [];
        if (!TryGet(name, out JsonElement value))
        {
            return numbers;
        }

        const string expected = "a list of layer numbers";
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(name, value, expected);
        }

        foreach (JsonElement item in value.EnumerateArray())
        {
            numbers.Add(item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int number) && number >= 0
                ? number
                : throw Wrong(name, item, expected));
        }

        return numbers;
    }

    /// <summary>A list of whole numbers between 0 and 2³⁰, or null where the field is absent.</summary>
    public IReadOnlyList<int>? Integers(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        const string expected = "a list of whole numbers";
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(name, value, expected);
        }

        List<int> numbers = new(value.GetArrayLength());
        foreach (JsonElement item in value.EnumerateArray())
        {
            numbers.Add(item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int number) && number is >= 0 and <= 1 << 30
                ? number
                : throw Wrong(name, item, expected));
        }

        return numbers;
    }

    /// <summary>A list of objects, or null where the field is absent.</summary>
    public IReadOnlyList<ConfigFields>? Objects(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        const string expected = "a list of objects";
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(name, value, expected);
        }

        List<ConfigFields> objects = new(value.GetArrayLength());
        foreach (JsonElement item in value.EnumerateArray())
        {
            objects.Add(item.ValueKind == JsonValueKind.Object
                ? new ConfigFields(item, _origin)
                : throw Wrong(name, item, expected));
        }

        return objects;
    }

    /// <summary>The objects within an object, by name; null where the field is absent.</summary>
    public IReadOnlyList<(string Name, ConfigFields Fields)>? Members(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        const string expected = "an object of objects";
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw Wrong(name, value, expected);
        }

        List<(string, ConfigFields)> members = [];
        foreach (JsonProperty member in value.EnumerateObject())
        {
            members.Add(member.Value.ValueKind == JsonValueKind.Object
                ? (member.Name, new ConfigFields(member.Value, _origin))
                : throw Wrong(name, member.Value, expected));
        }

        return members;
    }

    /// <summary>Weights that share a scale: a number, null where the field is absent, and 0 for -1, which stands for a whole row.</summary>
    public int? GroupSize(string name) =>
        Integer(name, -1, MaximumWidth) switch
        {
            null => null,
            -1 => 0,
            0 => throw Contradiction($"the field '{name}' is 0, but must be -1 or a number of weights."),
            { } size => size,
        };

    /// <summary>A width that some configurations give a layer and some once for all; equal for all layers then.</summary>
    public int WidthOrFirst(string name)
    {
        if (TryGet(name, out JsonElement value) && value.ValueKind == JsonValueKind.Array)
        {
            IReadOnlyList<int> each = Integers(name)!;
            return each.Count > 0 && each[0] > 0 && each.All(width => width == each[0])
                ? each[0]
                : throw Wrong(name, value, "one number for all layers");
        }

        return Width(name);
    }

    /// <summary>One of a few widths, such as the bits of a weight.</summary>
    public int OneOf(string name, int[] allowed, int otherwise)
    {
        int width = Width(name, otherwise);
        return Array.IndexOf(allowed, width) >= 0
            ? width
            : throw Contradiction($"the field '{name}' is {width}, but must be one of {string.Join(", ", allowed)}.");
    }

    /// <summary>A positive number that need not be whole, at most 1024.</summary>
    public double Number(string name) =>
        TryGet(name, out JsonElement value)
            ? value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number is > 0 and <= 1024
                ? number
                : throw Wrong(name, value, "a positive number of at most 1024")
            : throw Missing(name);

    /// <summary>Whether the field is there and is text, where other configurations have a number (<c>auto</c>).</summary>
    public bool IsText(string name) => TryGet(name, out JsonElement value) && value.ValueKind == JsonValueKind.String;

    /// <summary>Whether the field is there and is not null.</summary>
    public bool Has(string name) => TryGet(name, out _);

    /// <summary>
    /// Fields beside the given ones that may size something: numbers, lists, objects, and switches that are on. Texts, null
    /// and switches that are off add nothing.
    /// </summary>
    public IEnumerable<string> UnusedFields(IReadOnlySet<string> used) => _object.EnumerateObject()
        .Where(field => field.Value.ValueKind is JsonValueKind.Number or JsonValueKind.True or JsonValueKind.Object
            || (field.Value.ValueKind == JsonValueKind.Array && field.Value.GetArrayLength() > 0))
        .Select(field => field.Name)
        .Where(name => !used.Contains(name));

    /// <summary>An error about a family that cannot be read.</summary>
    public LlmOpsException NotSupported(string family, string problem) =>
        new("ModelFamilyNotSupported", ErrorKind.NotSupported, $"{_origin}: {problem}", family);

    /// <summary>An error about the configuration as a whole.</summary>
    public LlmOpsException Contradiction(string problem) =>
        new("ModelConfigInvalid", ErrorKind.InvalidData, $"{_origin}: {problem}", _origin);

    private int? Integer(string name, int minimum, int maximum)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number)
            && number >= minimum && number <= maximum
            ? (int)number
            : throw Wrong(name, value, FormattableString.Invariant($"a whole number between {minimum} and {maximum}"));
    }

    private bool TryGet(string name, out JsonElement value) =>
        _object.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private LlmOpsException Missing(string name) => Contradiction($"the field '{name}' is missing.");

    private LlmOpsException Wrong(string name, JsonElement value, string expected)
    {
        const int shownLength = 40;
        string raw = value.GetRawText();
        string shown = raw.Length > shownLength ? raw[..shownLength] + "…" : raw;
        return Contradiction($"the field '{name}' is {shown}, but must be {expected}.");
    }
}
