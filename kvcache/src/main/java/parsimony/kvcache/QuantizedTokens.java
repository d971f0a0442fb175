package parsimony.kvcache;

import java.util.Arrays;

/**
 * Numbers [tokens, headSize] in few bits: x ≈ code · scale + minimum, one scale and one minimum, in 16 bits, for every cell of so many tokens by so many channels. Tokens are added a whole
 * cell at a time.
 */
final class QuantizedTokens {
    private final int headSize;
    private final int bits;
    private final int cellTokens;
    private final int cellChannels;
    private final int cellsPerToken;
    private final int rowBytes;
    /** Byte i of a token holds the codes of the channels i, i + rowBytes …, from the lowest bits on. */
    private byte[] codes = new byte[0];
    /** Scale and minimum of each cell, one after the other, as 16-bit floats. */
    private short[] ranges = new short[0];

    private int tokens;

    QuantizedTokens(int headSize, int bits, int cellTokens, int cellChannels) {
        this.headSize = headSize;
        this.bits = bits;
        this.cellTokens = cellTokens;
        this.cellChannels = Math.min(cellChannels, headSize);
        cellsPerToken = Math.ceilDiv(headSize, this.cellChannels);
        rowBytes = Math.ceilDiv(headSize * bits, 8);
    }

    QuantizedTokens(QuantizedTokens other) {
        this(other.headSize, other.bits, other.cellTokens, other.cellChannels);
        codes = other.codes.clone();
        ranges = other.ranges.clone();
        tokens = other.tokens;
    }

    int tokens() {
        return tokens;
    }

    /**
     * Adds tokens.
     *
     * @param x [count, headSize] from {@code offset} on
     * @param count a multiple of a cell's tokens
     */
    void add(float[] x, int offset, int count) {
        int firstCell = tokens / cellTokens * cellsPerToken;
        int cells = count / cellTokens * cellsPerToken;
        if ((tokens + count) * rowBytes > codes.length) {
            int capacity = Math.max(tokens + count, tokens + tokens / 4 / cellTokens * cellTokens);
            codes = Arrays.copyOf(codes, capacity * rowBytes);
            ranges = Arrays.copyOf(ranges, 2 * (capacity / cellTokens) * cellsPerToken);
        }
        for (int cell = 0; cell < cells; cell++) {
            int firstToken = cell / cellsPerToken * cellTokens;
            int firstChannel = cell % cellsPerToken * cellChannels;
            quantize(x, offset, firstToken, firstChannel, firstCell + cell);
        }
        tokens += count;
    }

    private void quantize(float[] x, int offset, int firstToken, int firstChannel, int cell) {
        int lastChannel = Math.min(headSize, firstChannel + cellChannels);
        float minimum = Float.POSITIVE_INFINITY;
        float maximum = Float.NEGATIVE_INFINITY;
        for (int token = firstToken; token < firstToken + cellTokens; token++) {
            for (int channel = firstChannel; channel < lastChannel; channel++) {
                minimum = Math.min(minimum, x[offset + token * headSize + channel]);
                maximum = Math.max(maximum, x[offset + token * headSize + channel]);
            }
        }
        int largest = (1 << bits) - 1;
        // Codes are found with what is left of the scale and the minimum in 16 bits.
        ranges[2 * cell] = Float.floatToFloat16((maximum - minimum) / largest);
        ranges[2 * cell + 1] = Float.floatToFloat16(minimum);
        float scale = Float.float16ToFloat(ranges[2 * cell]);
        float base = Float.float16ToFloat(ranges[2 * cell + 1]);
        for (int token = firstToken; token < firstToken + cellTokens; token++) {
            for (int channel = firstChannel; channel < lastChannel; channel++) {
                float step = scale == 0 ? 0 : (x[offset + token * headSize + channel] - base) / scale;
                int code = (int) Math.clamp(Math.rint(step), 0.0, largest);
                int at = (tokens + token) * rowBytes + channel % rowBytes;
                int shift = channel / rowBytes * bits;
                codes[at] = (byte) (codes[at] & ~(largest << shift) | code << shift);
            }
        }
    }

    /** All tokens, [tokens, headSize]. */
    float[] decode() {
        float[] x = new float[tokens * headSize];
        float[] scales = new float[headSize];
        float[] minima = new float[headSize];
        for (int token = 0; token < tokens; token++) {
            if (token % cellTokens == 0) {
                int first = token / cellTokens * cellsPerToken;
                for (int cell = 0; cell < cellsPerToken; cell++) {
                    int from = cell * cellChannels;
                    int to = Math.min(headSize, from + cellChannels);
                    Arrays.fill(scales, from, to, Float.float16ToFloat(ranges[2 * (first + cell)]));
                    Arrays.fill(minima, from, to, Float.float16ToFloat(ranges[2 * (first + cell) + 1]));
                }
            }
            for (int channel = 0; channel < headSize; channel += rowBytes) {
                int count = Math.min(rowBytes, headSize - channel);
                int shift = channel / rowBytes * bits;
                decode(token * rowBytes, count, shift, scales, minima, channel, x, token * headSize + channel);
            }
        }
        return x;
    }

    /** The codes at one place of their bytes; one loop without branches, so that the compiler makes it a loop over vectors. */
    private void decode(
            int at, int count, int shift, float[] scales, float[] minima, int channel, float[] x, int offset) {
        int mask = (1 << bits) - 1;
        for (int i = 0; i < count; i++) {
            x[offset + i] = (codes[at + i] >> shift & mask) * scales[channel + i] + minima[channel + i];
        }
    }

    long bytes() {
        return codes.length + (long) Short.BYTES * ranges.length;
    }
}
