package parsimony.kvcache;

/**
 * A number of bytes.
 *
 * @param bytes at least 1
 */
public record MemoryLimit(long bytes) {
    private static final String UNITS = "kmg";

    public MemoryLimit {
        if (bytes < 1) {
            throw new IllegalArgumentException("a limit must be at least one byte, not " + bytes);
        }
    }

    /** Reads {@code 4096}, {@code 64k}, {@code 512m} or {@code 2g}, in powers of 1024. */
    public static MemoryLimit parse(String text) {
        if (!text.matches("\\d{1,9}[kmg]?")) {
            throw new IllegalArgumentException("'" + text + "' is no number of bytes such as 512m or 2g");
        }
        int unit = UNITS.indexOf(text.charAt(text.length() - 1)) + 1;
        return new MemoryLimit(Long.parseLong(text.substring(0, text.length() - (unit > 0 ? 1 : 0))) << 10 * unit);
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
        long number = bytes;
        int unit = 0;
        while (unit < UNITS.length() && number % 1024 == 0) {
            number /= 1024;
            unit++;
        }
        return unit == 0 ? String.valueOf(number) : number + UNITS.substring(unit - 1, unit);
    }
}
