package parsimony.core.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class ParallelTest {
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 8})
    void everyTaskRunsOnceAndItsWritesAreSeen(int threads) {
        try (Parallel parallel = new Parallel(threads)) {
            assertThat(parallel.threads()).isEqualTo(threads);
            int[] runs = new int[1000];
            for (int round = 1; round <= 200; round++) {
                for (int tasks : new int[] {0, 1, 2, 7, 1000}) {
                    Arrays.fill(runs, 0);
                    parallel.run(tasks, task -> runs[task]++);
                    for (int task = 0; task < runs.length; task++) {
                        assertThat(runs[task]).isEqualTo(task < tasks ? 1 : 0);
                    }
                }
            }
        }
    }

    @Test
    void workersTakePart() throws InterruptedException {
        try (Parallel parallel = new Parallel(3)) {
            CountDownLatch allInside = new CountDownLatch(3);
            var names = ConcurrentHashMap.<String>newKeySet();
            parallel.run(3, _ -> {
                names.add(Thread.currentThread().getName());
                allInside.countDown();
                awaitUninterrupted(allInside); // Ends only if three threads are inside at once.
            });
            assertThat(names).hasSize(3).contains(Thread.currentThread().getName());
        }
    }

    @Test
    void parkedWorkersWakeAndASlowTaskIsWaitedFor() {
        try (Parallel parallel = new Parallel(2)) {
            AtomicInteger done = new AtomicInteger();
            for (int i = 0; i < 20; i++) {
                LockSupport.parkNanos(2_000_000);
                parallel.run(2, _ -> {
                    LockSupport.parkNanos(1_000_000);
                    done.incrementAndGet();
                });
            }
            assertThat(done).hasValue(40);
        }
    }

    @Test
    void nestedCallsRunInlineOnTheirTasksThread() {
        try (Parallel parallel = new Parallel(4)) {
            AtomicIntegerArray runs = new AtomicIntegerArray(64);
            AtomicInteger elsewhere = new AtomicInteger();
            parallel.run(8, outer -> {
                Thread thread = Thread.currentThread();
                parallel.run(8, inner -> {
                    runs.incrementAndGet(outer * 8 + inner);
                    if (Thread.currentThread() != thread) {
                        elsewhere.incrementAndGet();
                    }
                });
            });
            assertThat(elsewhere).hasValue(0);
            for (int i = 0; i < runs.length(); i++) {
                assertThat(runs.get(i)).isEqualTo(1);
            }
        }
    }

    @Test
    void severalThreadsMayCallAtOnce() throws InterruptedException {
        try (Parallel parallel = new Parallel(3)) {
            AtomicInteger sum = new AtomicInteger();
            Thread[] callers = new Thread[4];
            for (int i = 0; i < callers.length; i++) {
                callers[i] = new Thread(() -> {
                    for (int round = 0; round < 500; round++) {
                        parallel.run(10, sum::addAndGet);
                    }
                });
                callers[i].start();
            }
            for (Thread caller : callers) {
                caller.join();
            }
            assertThat(sum).hasValue(4 * 500 * 45);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void theFirstExceptionIsThrownAsItIsAndThePoolStaysUsable(int threads) {
        try (Parallel parallel = new Parallel(threads)) {
            RuntimeException failure = new UnsupportedOperationException("task 5");
            assertThatThrownBy(() -> parallel.run(100, task -> {
                        if (task == 5) {
                            throw failure;
                        }
                    }))
                    .isSameAs(failure);
            AtomicInteger runs = new AtomicInteger();
            parallel.run(100, _ -> runs.incrementAndGet());
            assertThat(runs).hasValue(100);
        }
    }

    @Test
    void refusesNoThreadsAndUseAfterClose() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Parallel(0))
                .withMessage("threads must be at least 1, not 0");
        Parallel parallel = new Parallel(2);
        parallel.close();
        assertThatIllegalStateException().isThrownBy(() -> parallel.run(1, _ -> {}));
    }

    private static void awaitUninterrupted(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
