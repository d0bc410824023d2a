using System.Buffers.Binary;

namespace LlmOps.Operations.Hub;

/// <summary>
/// How many bytes at the start of a weights file are its header, found from those that there are. The content is checked
/// only as far as that needs; what reads the header checks it all.
/// </summary>
internal static class HeaderMeasure
{
    /// <summary>No published header comes near; a safetensors header may have at most 100 MB by its specification.</summary>
    public const long LongestSafetensors = 100_000_000;

    public const long LongestGguf = 256L << 20;

    /// <summary>Holds the header of all but a few published shards: 64 to 128 KiB with two thousand tensors.</summary>
    private const int FirstSafetensors = 256 << 10;

    /// <summary>A vocabulary of 128,000 tokens with its merges takes 8 MiB.</summary>
    private const int FirstGguf = 2 << 20;

    private const int LengthBytes = 8;

    /// <param name="start">The file's first bytes.</param>
    /// <returns>
    /// The header's length where <paramref name="start"/> holds it all; else a greater number: how many bytes to try with.
    /// </returns>
    /// <exception cref="InvalidDataException">This is no such header; the message says why.</exception>
    public delegate long Measure(ReadOnlySpan<byte> start);

    public static long Safetensors(ReadOnlySpan<byte> start)
    {
        if (start.Length < LengthBytes)
        {
            return FirstSafetensors;
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (length is < 2 or > LongestSafetensors)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"it claims a safetensors header of {length} bytes; one has 2 to {LongestSafetensors}."));
        }

        // At once, so that what is no safetensors file at all is not read to the end of its supposed header.
        if (start.Length > LengthBytes && start[LengthBytes] != (byte)'{')
        {
            throw new InvalidDataException("its safetensors header is no JSON object.");
        }

        return LengthBytes + (long)length;
    }

    public static long Gguf(ReadOnlySpan<byte> start)
    {
        GgufWalk walk = new(start);
        return walk.ToEnd() ? walk.Position : Math.Max(FirstGguf, Math.Min(LongestGguf, Math.Max(walk.Position, start.Length * 2L)));
    }

    /// <summary>Steps over a GGUF header without keeping any of it.</summary>
    private ref struct GgufWalk(ReadOnlySpan<byte> data)
    {
        private const uint StringType = 8;
        private const uint ArrayType = 9;
        private const int DeepestArray = 4;
        private const uint MostDimensions = 8;

        private readonly ReadOnlySpan<byte> _data = data;

        /// <summary>Bytes stepped over; past the end of the data where it ended too early.</summary>
        public long Position { get; private set; }

        /// <summary>Whether all of the header was there.</summary>
        public bool ToEnd()
        {
            if (!TryUInt32(out uint magic))
            {
                return false;
            }

            if (magic != 0x46554747)
            {
                throw new InvalidDataException("it does not start with GGUF.");
            }

            if (!TryUInt32(out uint version))
            {
                return false;
            }

            if (version is not (2 or 3))
            {
                throw new InvalidDataException(FormattableString.Invariant($"its GGUF version is {version}; known are 2 and 3."));
            }

            // A tensor takes 24 bytes or more, an entry 13: what cannot fit is not looked for.
            if (!TryCount("tensors", 24, out long tensors) || !TryCount("metadata entries", 13, out long entries))
            {
                return false;
            }

            for (long i = 0; i < entries; i++)
            {
                if (!TryString() || !TryUInt32(out uint type) || !TryValue(type, 0))
                {
                    return false;
                }
            }

            for (long i = 0; i < tensors; i++)
            {
                if (!TryString() || !TryUInt32(out uint dimensions))
                {
                    return false;
                }

                if (dimensions > MostDimensions)
                {
                    throw new InvalidDataException(FormattableString.Invariant($"a tensor claims {dimensions} dimensions."));
                }

                // The sizes, the type and the offset.
                if (!TrySkip((8L * dimensions) + 4 + 8))
                {
                    return false;
                }
            }

            return true;
        }

        private bool TryValue(uint type, int depth)
        {
            switch (type)
            {
                case StringType:
                    return TryString();
                case ArrayType:
                    if (depth == DeepestArray)
                    {
                        throw new InvalidDataException("its metadata nests arrays too deeply.");
                    }

                    return TryUInt32(out uint element) && TryElements(element, depth + 1);
                default:
                    return TrySkip(SizeOf(type));
            }
        }

        private bool TryElements(uint type, int depth)
        {
            long size = type switch { StringType => 8, ArrayType => 12, _ => SizeOf(type) };
            if (!TryCount("array elements", size, out long count))
            {
                return false;
            }

            if (type is not (StringType or ArrayType))
            {
                return TrySkip(count * size);
            }

            for (long i = 0; i < count; i++)
            {
                if (!TryValue(type, depth))
                {
                    return false;
                }
            }

            return true;
        }

        private static long SizeOf(uint type) => type switch
        {
            0 or 1 or 7 => 1,
            2 or 3 => 2,
            4 or 5 or 6 => 4,
            10 or 11 or 12 => 8,
            _ => throw new InvalidDataException(FormattableString.Invariant($"a metadata value has the unknown type {type}.")),
        };

        private bool TryString() => TryCount("characters", 1, out long length) && TrySkip(length);

        private bool TryCount(string what, long leastSize, out long count)
        {
            count = 0;
            if (!TryTake(8, out ReadOnlySpan<byte> bytes))
            {
                return false;
            }

            ulong claimed = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
            if (claimed > (ulong)((LongestGguf - Position) / leastSize))
            {
                throw new InvalidDataException(FormattableString.Invariant(
                    $"its GGUF header claims {claimed} {what}, which do not fit into {LongestGguf} bytes."));
            }

            count = (long)claimed;
            return true;
        }

        private bool TryUInt32(out uint value)
        {
            bool there = TryTake(4, out ReadOnlySpan<byte> bytes);
            value = there ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : 0;
            return there;
        }

        private bool TryTake(int count, out ReadOnlySpan<byte> bytes)
        {
            long from = Position;
            bool there = TrySkip(count);
            bytes = there ? _data.Slice((int)from, count) : default;
            return there;
        }

        private bool TrySkip(long count)
        {
            Position += count;
            if (Position > LongestGguf)
            {
                throw new InvalidDataException(FormattableString.Invariant($"its GGUF header is longer than {LongestGguf} bytes."));
            }

            return Position <= _data.Length;
        }
    }
}
