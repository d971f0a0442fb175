package parsimony.benchmarks.suite;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import parsimony.core.autograd.Ops;
import parsimony.core.eval.HeldOutText;
import parsimony.core.eval.SequenceEvaluator;
import parsimony.core.io.LanguageModel;
import parsimony.core.model.Transformer;
import parsimony.core.text.Corpus;
import parsimony.core.text.Tokenizer;

/**
 * Texts that declare an identifier which no other text holds, go on with real code that has nothing to do with it, and end with its next use: what a cache forgot of the declaration shows in the bits that
 * this use takes. The same texts with another identifier declared say what the use takes where there is nothing to remember.
 */
final class Needles {
    /** Tokens of each text that are read in one pass, after which a cache drops what it drops. */
    static final int TOKENS_PER_PASS = 8;

    private static final String CONSONANTS = "bdfgklmnprtvz";
    private static final String VOWELS = "aeiou";
    private static final String DECLARATION = """
            package org.example.registry;

            /** Resolves the names of an application. */
            public final class Resolver {
                private final Registry %1$s;

                public Resolver(final Registry %1$s) {
                    this.%1$s = %1$s;
                }

            """;
    private static final String USE = """


                public Registry getRegistry() {
                    return""";

    private final HeldOutText declared;
    private final HeldOutText undeclared;
    private final int[] scored;

    private Needles(List<Needle> needles) {
        declared = new HeldOutText(
                "", needles.stream().map(needle -> text(needle.declared)).toList());
        undeclared = new HeldOutText(
                "", needles.stream().map(needle -> text(needle.undeclared)).toList());
        scored = needles.stream().mapToInt(needle -> needle.scored).toArray();
    }

    private static HeldOutText.Document text(int[] tokens) {
        return new HeldOutText.Document(tokens, 0);
    }

    /**
     * One text in its two forms.
     *
     * @param scored how many tokens at the end are the identifier
     */
    record Needle(int[] declared, int[] undeclared, int scored) {}

    /**
     * Texts of {@code length} tokens.
     *
     * @param corpus where the code between declaration and use is from
     * @throws IllegalArgumentException if a text of this length has no room for both
     */
    static Needles of(LanguageModel model, Corpus corpus, int count, int length, long seed) {
        return new Needles(draw(model.tokenizer(), corpus, count, length, seed));
    }

    static List<Needle> draw(Tokenizer tokenizer, Corpus corpus, int count, int length, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<Needle> needles = new ArrayList<>();
        while (needles.size() < count) {
            String name = identifier(random);
            int[] declaration = declaration(tokenizer, name);
            int[] other = declaration(tokenizer, identifier(random));
            int[] used = tokenizer.encode(" " + name, false);
            int[] end = joined(tokenizer.encode(USE, false), used);
            int left = length - declaration.length - end.length;
            if (left < 0) {
                throw new IllegalArgumentException("declaration and use take more than " + length + " tokens");
            }
            // Both forms of a text are as long, so that whatever follows the declaration stands at the same places.
            if (declaration.length == other.length) {
                int[] rest = joined(code(tokenizer, corpus, left, random), end);
                needles.add(new Needle(joined(declaration, rest), joined(other, rest), used.length));
            }
        }
        return needles;
    }

    /** What a file holds after its beginning, and if that is not enough others too. */
    private static int[] code(Tokenizer tokenizer, Corpus corpus, int length, SplittableRandom random) {
        int[] code = {};
        while (code.length < length) {
            String file = corpus.documents()
                    .get(random.nextInt(corpus.documents().size()))
                    .text();
            code = joined(code, tokenizer.encode(file.substring(file.indexOf('\n', file.length() / 4) + 1), false));
        }
        return Arrays.copyOf(code, length);
    }

    private static int[] declaration(Tokenizer tokenizer, String name) {
        return tokenizer.encode(DECLARATION.formatted(name), false);
    }

    private static int[] joined(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(Arrays::stream).toArray();
    }

    /** Two words of two syllables. */
    private static String identifier(SplittableRandom random) {
        StringBuilder name = new StringBuilder();
        for (int syllable = 0; syllable < 4; syllable++) {
            char consonant = CONSONANTS.charAt(random.nextInt(CONSONANTS.length()));
            name.append(syllable == 2 ? Character.toUpperCase(consonant) : consonant);
            name.append(VOWELS.charAt(random.nextInt(VOWELS.length())));
        }
        return name.toString();
    }

    /** The bits of an identifier at its use, on average. */
    double bits(Ops ops, Transformer model) {
        return bits(ops, model, declared);
    }

    /** The same where another identifier was declared. */
    double bitsUndeclared(Ops ops, Transformer model) {
        return bits(ops, model, undeclared);
    }

    private double bits(Ops ops, Transformer model, HeldOutText text) {
        float[][] losses = new SequenceEvaluator(ops, TOKENS_PER_PASS).losses(model, text);
        double nats = 0;
        for (int i = 0; i < losses.length; i++) {
            for (int token = losses[i].length - scored[i]; token < losses[i].length; token++) {
                nats += losses[i][token];
            }
        }
        return nats / Math.log(2) / losses.length;
    }
}
