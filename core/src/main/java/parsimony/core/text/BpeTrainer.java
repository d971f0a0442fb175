package parsimony.core.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import parsimony.core.AtomicFile;
import tools.jackson.databind.json.JsonMapper;

/**
 * Learns a byte-level byte-pair encoding (Sennrich et al. 2016; on bytes as in GPT-2) and writes it as a Hugging Face
 * {@code tokenizer.json}.
 *
 * <p>The text is cut into words by {@link ByteLevel#GPT2}; equal words are counted once. Each step joins the adjacent pair
 * of symbols that occurs most often, in all words, into a new symbol. Counts are kept up to date by looking only at the
 * words that hold the pair; a heap gives the next pair, its out-of-date entries being put back with their present count.
 * Ties go to the pair with the lower left, then the lower right id, so that the same text gives the same vocabulary.
 *
 * <p>Ids: 0 begins a text, 1 ends it, 2 + b is the byte b, and then the joined symbols in the order they were found.
 */
public final class BpeTrainer {
    /** The token that begins every text. Unlike {@code <s>} it cannot be mistaken for a Java type argument. */
    public static final String BEGIN = "<|begin|>";

    /** The token that ends every text. */
    public static final String END = "<|end|>";

    private static final int FIRST_BYTE = 2;
    private static final int FIRST_JOINED = FIRST_BYTE + 256;

    private final Map<String, Long> words = new HashMap<>();

    /** Counts the words of one text. */
    public void add(String text) {
        ByteLevel.split(List.of(ByteLevel.GPT2), text, word -> words.merge(word, 1L, Long::sum));
    }

    /**
     * Learns the vocabulary from all texts added.
     *
     * @param vocabularySize how many tokens to have, the 2 special ones and the 256 bytes included
     * @throws IllegalArgumentException when the size is below 258, or the texts have too few pairs to reach it
     */
    public Vocabulary train(int vocabularySize) {
        if (vocabularySize < FIRST_JOINED) {
            throw new IllegalArgumentException("vocabularySize must be at least " + FIRST_JOINED
                    + " (2 special tokens and 256 bytes), but is " + vocabularySize);
        }
        return new Joiner(words).join(vocabularySize);
    }

    /**
     * A vocabulary that was learned.
     *
     * @param tokens all tokens by id, written in the byte characters, the special ones as they are
     * @param merges the pairs that were joined, in order, each as two tokens and a space between
     */
    public record Vocabulary(List<String> tokens, List<String> merges) {
        /**
         * Writes {@code tokenizer.json} and {@code tokenizer_config.json} into a folder. Encoding with special tokens puts
         * the beginning token first; without them it gives the text's tokens alone.
         */
        public void write(Path folder) throws IOException {
            Files.createDirectories(folder);
            JsonMapper json = new JsonMapper();
            write(folder.resolve("tokenizer.json"), json.writeValueAsString(tokenizer()));
            Map<String, Object> config = new LinkedHashMap<>();
            config.put("tokenizer_class", "PreTrainedTokenizerFast");
            config.put("bos_token", BEGIN);
            config.put("eos_token", END);
            config.put("add_bos_token", true);
            config.put("add_eos_token", false);
            config.put("clean_up_tokenization_spaces", false);
            write(folder.resolve("tokenizer_config.json"), json.writeValueAsString(config));
        }

        private Map<String, Object> tokenizer() {
            Map<String, Integer> ids = new LinkedHashMap<>();
            for (String token : tokens) {
                ids.put(token, ids.size());
            }
            Map<String, Object> model = new LinkedHashMap<>();
            model.put("type", "BPE");
            model.put("dropout", null);
            model.put("unk_token", null);
            model.put("continuing_subword_prefix", null);
            model.put("end_of_word_suffix", null);
            model.put("fuse_unk", false);
            model.put("byte_fallback", false);
            model.put("vocab", ids);
            model.put("merges", merges);

            Map<String, Object> tokenizer = new LinkedHashMap<>();
            tokenizer.put("version", "1.0");
            tokenizer.put("truncation", null);
            tokenizer.put("padding", null);
            tokenizer.put("added_tokens", List.of(special(0, BEGIN), special(1, END)));
            tokenizer.put("normalizer", null);
            tokenizer.put("pre_tokenizer", byteLevel());
            tokenizer.put("post_processor", beginsWith(BEGIN));
            tokenizer.put("decoder", byteLevel());
            tokenizer.put("model", model);
            return tokenizer;
        }

        private static Map<String, Object> special(int id, String content) {
            Map<String, Object> token = new LinkedHashMap<>();
            token.put("id", id);
            token.put("content", content);
            for (String option : List.of("single_word", "lstrip", "rstrip", "normalized")) {
                token.put(option, false);
            }
            token.put("special", true);
            return token;
        }

        private static Map<String, Object> byteLevel() {
            Map<String, Object> part = new LinkedHashMap<>();
            part.put("type", "ByteLevel");
            part.put("add_prefix_space", false);
            part.put("trim_offsets", true);
            part.put("use_regex", true);
            return part;
        }

        private static Map<String, Object> beginsWith(String token) {
            Map<String, Object> begin = Map.of("SpecialToken", new TreeMap<>(Map.of("id", token, "type_id", 0)));
            Map<String, Object> first = Map.of("Sequence", new TreeMap<>(Map.of("id", "A", "type_id", 0)));
            Map<String, Object> second = Map.of("Sequence", new TreeMap<>(Map.of("id", "B", "type_id", 1)));
            Map<String, Object> definition = new LinkedHashMap<>();
            definition.put("id", token);
            definition.put("ids", List.of(0));
            definition.put("tokens", List.of(token));
            Map<String, Object> part = new LinkedHashMap<>();
            part.put("type", "TemplateProcessing");
            part.put("single", List.of(begin, first));
            part.put("pair", List.of(begin, first, second));
            part.put("special_tokens", Map.of(token, definition));
            return part;
        }

        private static void write(Path file, String text) throws IOException {
            AtomicFile.write(file, (text + "\n").getBytes(StandardCharsets.UTF_8));
        }
    }

    /** A pair on the heap, with the count it had when it was put there. */
    private record Candidate(long pair, long count) implements Comparable<Candidate> {
        @Override
        public int compareTo(Candidate other) {
            int byCount = Long.compare(other.count, count);
            return byCount != 0 ? byCount : Long.compare(pair, other.pair);
        }
    }

    /** A growing list of the words that a pair was seen in; a word may be named twice or hold the pair no more. */
    private static final class Occurrences {
        private int[] words = new int[4];
        private int size;

        void add(int word) {
            if (size > 0 && words[size - 1] == word) {
                return;
            }
            if (size == words.length) {
                words = Arrays.copyOf(words, 2 * size);
            }
            words[size++] = word;
        }
    }

    /** The state of one training run. */
    private static final class Joiner {
        private final int[][] symbols;
        private final long[] frequencies;
        private final Map<Long, Long> counts = new HashMap<>();
        private final Map<Long, Occurrences> occurrences = new HashMap<>();
        private final PriorityQueue<Candidate> heap = new PriorityQueue<>();
        private final List<String> tokens = new ArrayList<>();
        private final List<String> merges = new ArrayList<>();

        Joiner(Map<String, Long> words) {
            tokens.add(BEGIN);
            tokens.add(END);
            for (int b = 0; b < 256; b++) {
                tokens.add(ByteLevel.write(new byte[] {(byte) b}));
            }
            // The order of the words changes no count, but a fixed one makes runs comparable step by step.
            String[] ordered = words.keySet().toArray(new String[0]);
            Arrays.sort(ordered);
            symbols = new int[ordered.length][];
            frequencies = new long[ordered.length];
            for (int i = 0; i < ordered.length; i++) {
                byte[] bytes = ByteLevel.read(ordered[i]);
                frequencies[i] = words.get(ordered[i]);
                symbols[i] = new int[bytes.length];
                for (int j = 0; j < bytes.length; j++) {
                    symbols[i][j] = FIRST_BYTE + (bytes[j] & 0xFF);
                }
                for (int j = 1; j < bytes.length; j++) {
                    count(pair(symbols[i][j - 1], symbols[i][j]), frequencies[i], i);
                }
            }
            counts.forEach((pair, count) -> heap.add(new Candidate(pair, count)));
        }

        Vocabulary join(int size) {
            while (tokens.size() < size) {
                Candidate best = heap.poll();
                if (best == null) {
                    throw new IllegalArgumentException("the text is too short for a vocabulary of " + size
                            + " tokens: only " + tokens.size() + " were found");
                }
                long count = counts.getOrDefault(best.pair, 0L);
                if (count != best.count) {
                    if (count > 0) {
                        heap.add(new Candidate(best.pair, count));
                    }
                    continue;
                }
                join(best.pair);
            }
            return new Vocabulary(List.copyOf(tokens), List.copyOf(merges));
        }

        private void join(long pair) {
            int left = (int) (pair >>> 32);
            int right = (int) pair;
            int joined = tokens.size();
            tokens.add(tokens.get(left) + tokens.get(right));
            merges.add(tokens.get(left) + " " + tokens.get(right));
            Occurrences holders = occurrences.remove(pair);
            Set<Long> grown = new HashSet<>();
            for (int i = 0; i < holders.size; i++) {
                joinIn(holders.words[i], left, right, joined, grown);
            }
            counts.remove(pair);
            for (Long candidate : grown) {
                long count = counts.getOrDefault(candidate, 0L);
                if (count > 0) {
                    heap.add(new Candidate(candidate, count));
                }
            }
        }

        /** Joins the pair wherever it stands in one word, and counts the pairs that go and come by it. */
        private void joinIn(int word, int left, int right, int joined, Set<Long> grown) {
            int[] old = symbols[word];
            int[] now = new int[old.length];
            int length = 0;
            for (int i = 0; i < old.length; i++) {
                if (i + 1 < old.length && old[i] == left && old[i + 1] == right) {
                    now[length++] = joined;
                    i++;
                } else {
                    now[length++] = old[i];
                }
            }
            if (length == old.length) {
                return;
            }
            long frequency = frequencies[word];
            for (int i = 1; i < old.length; i++) {
                counts.merge(pair(old[i - 1], old[i]), -frequency, Long::sum);
            }
            symbols[word] = Arrays.copyOf(now, length);
            for (int i = 1; i < length; i++) {
                long pair = pair(now[i - 1], now[i]);
                if (now[i - 1] == joined || now[i] == joined) {
                    count(pair, frequency, word);
                    grown.add(pair);
                } else {
                    counts.merge(pair, frequency, Long::sum);
                }
            }
        }

        private void count(long pair, long frequency, int word) {
            counts.merge(pair, frequency, Long::sum);
            occurrences.computeIfAbsent(pair, _ -> new Occurrences()).add(word);
        }

        private static long pair(int left, int right) {
            return ((long) left << 32) | right;
        }
    }
}
