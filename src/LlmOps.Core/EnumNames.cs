using System.Collections.Concurrent;
using System.Reflection;

namespace LlmOps.Core;

/// <summary>The name that users write, where the language allows no such identifier: <c>TensorRT-LLM</c>.</summary>
[AttributeUsage(AttributeTargets.Field)]
internal sealed class PublicNameAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}

/// <summary>Names of enumerated values as users write and read them.</summary>
public static class EnumNames
{
    private static readonly ConcurrentDictionary<Type, (string Name, object Value)[]> s_names = [];

    /// <summary>In the order of declaration.</summary>
    public static IReadOnlyList<string> All(Type type) => [.. Names(type).Select(pair => pair.Name)];

    public static string Of<T>(T value)
        where T : struct, Enum => Array.Find(Names(typeof(T)), pair => pair.Value.Equals(value)).Name ?? value.ToString();

    /// <summary>
    /// The value of that name in any spelling that differs in case, blanks, hyphens, underscores and dots alone
    /// (<c>tensorrt_llm</c>, <c>llama.cpp</c>); null where there is none. Numbers are no names.
    /// </summary>
    public static object? Find(Type type, string text)
    {
        string wanted = Canonical(text);
        return wanted.Length == 0 ? null : Array.Find(Names(type), pair => Canonical(pair.Name) == wanted).Value;
    }

    private static string Canonical(string name) =>
        NameMatcher.Canonical(name.Trim()).Replace(".", "", StringComparison.Ordinal);

    private static (string Name, object Value)[] Names(Type type) => s_names.GetOrAdd(type, static t =>
    [
        .. t.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field =>
            (field.GetCustomAttribute<PublicNameAttribute>()?.Name ?? field.Name, field.GetValue(null)!)),
    ]);
}
