package parsimony.kvcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import parsimony.core.technique.Technique;
import parsimony.core.technique.TechniqueException;

class ScissorhandsTest extends CacheContract<Scissorhands.Options> {
    @Override
    protected Technique<Scissorhands.Options> technique() {
        return new Scissorhands();
    }

    @Override
    protected List<String> wrongOptions() {
        return List.of("budget=0", "window=0", "recent=0", "drop=1", "drop=-0.1", "length=0");
    }

    @Override
    List<String> small() {
        return List.of("scissorhands:budget=10,window=5,recent=2", "scissorhands:budget=8,window=3,recent=2,drop=0");
    }

    @Override
    String large() {
        return "scissorhands:budget=40";
    }

    @Test
    void aBudgetThatLeavesNoRoomForTheNewestIsRefused() {
        assertThatThrownBy(() -> apply("scissorhands:budget=9"))
                .isInstanceOf(TechniqueException.class)
                .hasMessageContaining("budget");
    }

    /** Against Algorithms 1 and 2 written down step by step over whole rows of attention. */
    @ParameterizedTest
    @ValueSource(ints = {1, 3, 7})
    void dropsWhatTheAlgorithmDrops(int window) {
        int tokens = 60;
        int budget = 12;
        int recent = 3;
        SplittableRandom random = new SplittableRandom(window);
        float[] logits = new float[tokens * tokens];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) random.nextGaussian(0, 2);
        }
        CacheDriver driver = new CacheDriver(
                new Scissorhands()
                        .cache(
                                OneLayer.model().config(),
                                new Scissorhands.Options(Budget.of(budget), window, recent, 0.5, null))
                        .create(1, tokens),
                1,
                tokens);
        List<Integer> held = new ArrayList<>();
        List<double[]> rows = new ArrayList<>();
        for (int t = 0; t < tokens; t++) {
            driver.append(1, (position, column) -> column == position ? 1 : 0);
            float[] query = new float[tokens];
            System.arraycopy(logits, t * tokens, query, 0, tokens);
            driver.attend(1, query);
            driver.commit(1);

            held.add(t);
            List<Integer> seen = List.copyOf(held);
            double sum = seen.stream().mapToDouble(s -> Math.exp(query[s])).sum();
            // 1 where less than the average was given.
            double[] low = new double[tokens];
            seen.forEach(s -> low[s] = Math.exp(query[s]) / sum < 1.0 / seen.size() ? 1 : 0);
            rows.add(low);
            if (held.size() > budget) {
                double[] counts = new double[tokens];
                for (double[] row : rows.subList(Math.max(0, rows.size() - window), rows.size())) {
                    IntStream.range(0, tokens).forEach(s -> counts[s] += row[s]);
                }
                List<Integer> older = new ArrayList<>(held.subList(0, held.size() - recent));
                while (older.size() > budget / 2 - recent) {
                    Integer worst = older.getFirst();
                    for (Integer s : older) {
                        worst = counts[s] >= counts[worst] ? s : worst;
                    }
                    older.remove(worst);
                }
                older.addAll(held.subList(held.size() - recent, held.size()));
                held = older;
            }
            assertThat(driver.positions(0))
                    .as("step " + t)
                    .isEqualTo(held.stream().mapToInt(Integer::intValue).toArray());
        }
    }
}
