package parsimony.core.backend;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;

/**
 * Fork and join with little latency: decoding one token forks about a hundred times, so a fork must cost about a
 * microsecond. Workers that have nothing to do spin for a moment and then park, so that an idle pool costs nothing.
 *
 * <p>The calling thread takes part, and tasks are claimed one by one by whichever thread is free. Which thread runs a
 * task, and in which order tasks run, is therefore not determined: to get the same result every time, a task must write
 * only what no other task reads or writes, and the way the work is cut into tasks must not change a sum's order.
 */
public final class Parallel implements AutoCloseable {
    private static final long SPIN_NANOSECONDS = 40_000;
    private static final int SPINS_PER_CLOCK_READ = 32;

    private final Worker[] workers;
    private final AtomicBoolean busy = new AtomicBoolean();
    private volatile Job job;
    private volatile boolean closed;

    /**
     * Starts {@code threads - 1} daemon workers.
     *
     * @param threads how many threads run tasks, the caller of {@link #run} included
     * @throws IllegalArgumentException if {@code threads} is less than 1
     */
    public Parallel(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, not " + threads);
        }
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker("parallel-" + (i + 1));
        }
        for (Worker worker : workers) {
            worker.start();
        }
    }

    /** The number of threads that run tasks, the caller's included. */
    public int threads() {
        return workers.length + 1;
    }

    /**
     * Calls {@code task} once with every number from 0 to {@code tasks - 1} and returns when all of them are done. What
     * the tasks wrote is then visible to the caller. A call from inside a task, or while another thread is in a call, runs
     * its tasks inline, on the calling thread.
     *
     * <p>If a task throws, the tasks that have not started are skipped and the first exception is thrown here.
     *
     * @throws IllegalStateException if this pool has been closed
     */
    public void run(int tasks, IntConsumer task) {
        if (closed) {
            throw new IllegalStateException("this pool of threads has been closed");
        }
        if (tasks <= 1 || workers.length == 0 || !busy.compareAndSet(false, true)) {
            for (int i = 0; i < tasks; i++) {
                task.accept(i);
            }
            return;
        }
        try {
            fork(tasks, task);
        } finally {
            busy.set(false);
        }
    }

    private void fork(int tasks, IntConsumer task) {
        Job current = new Job(tasks, task, Thread.currentThread());
        job = current;
        for (int i = 0; i < workers.length && i < tasks - 1; i++) {
            workers[i].wake();
        }
        current.work();
        current.awaitCompletion();
    }

    /** Ends the workers. A call of {@link #run} that is under way on another thread still completes. */
    @Override
    public void close() {
        closed = true;
        for (Worker worker : workers) {
            LockSupport.unpark(worker);
        }
    }

    /** One call of {@link #run}. A worker that comes late finds no task left to claim and touches nothing else. */
    private static final class Job {
        private final int tasks;
        private final Thread caller;
        private final AtomicInteger next = new AtomicInteger();
        private final AtomicInteger unfinished;
        private volatile IntConsumer task;
        private volatile boolean callerParked;
        private volatile boolean failed;
        private Throwable failure;

        Job(int tasks, IntConsumer task, Thread caller) {
            this.tasks = tasks;
            this.task = task;
            this.caller = caller;
            this.unfinished = new AtomicInteger(tasks);
        }

        void work() {
            int claimed = next.getAndIncrement();
            if (claimed >= tasks) {
                return;
            }
            IntConsumer body = task;
            int done = 0;
            for (; claimed < tasks; claimed = next.getAndIncrement()) {
                if (!failed) {
                    attempt(body, claimed);
                }
                done++;
            }
            if (unfinished.addAndGet(-done) == 0 && callerParked) {
                LockSupport.unpark(caller);
            }
        }

        @SuppressWarnings("CatchThrowable") // Whatever a task throws is handed to the caller.
        private void attempt(IntConsumer body, int index) {
            try {
                body.accept(index);
            } catch (Throwable thrown) {
                synchronized (this) {
                    if (failure == null) {
                        failure = thrown;
                    }
                    failed = true;
                }
            }
        }

        void awaitCompletion() {
            long deadline = System.nanoTime() + SPIN_NANOSECONDS;
            int spins = 0;
            while (unfinished.get() != 0) {
                Thread.onSpinWait();
                if (++spins % SPINS_PER_CLOCK_READ == 0 && System.nanoTime() > deadline) {
                    callerParked = true;
                    if (unfinished.get() != 0) {
                        LockSupport.park(this);
                    }
                }
            }
            task = null; // A worker keeps the last job until the next; it shall not keep what the task refers to.
            if (failed) {
                throwFailure();
            }
        }

        private synchronized void throwFailure() {
            Job.<RuntimeException>rethrow(failure);
        }

        /** Throws anything as it is: tasks declare no checked exceptions, so there is none to wrap. */
        @SuppressWarnings("unchecked")
        private static <T extends Throwable> void rethrow(Throwable thrown) throws T {
            throw (T) thrown;
        }
    }

    private final class Worker extends Thread {
        private volatile boolean parked;

        Worker(String name) {
            super(name);
            setDaemon(true);
        }

        void wake() {
            if (parked) {
                LockSupport.unpark(this);
            }
        }

        @Override
        public void run() {
            Job last = null;
            while (!closed) {
                Job current = awaitNext(last);
                if (current != last) {
                    current.work();
                    last = current;
                }
            }
        }

        /** Returns another job than {@code last}, or {@code last} when the pool is closed. */
        private Job awaitNext(Job last) {
            long deadline = System.nanoTime() + SPIN_NANOSECONDS;
            int spins = 0;
            while (job == last && !closed) {
                Thread.onSpinWait();
                if (++spins % SPINS_PER_CLOCK_READ == 0 && System.nanoTime() > deadline) {
                    park(last);
                }
            }
            return job;
        }

        private void park(Job last) {
            parked = true;
            while (job == last && !closed) {
                LockSupport.park(Parallel.this);
            }
            parked = false;
        }
    }
}
