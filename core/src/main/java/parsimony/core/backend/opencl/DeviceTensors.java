package parsimony.core.backend.opencl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import parsimony.core.tensor.Tensor;

/**
 * Which tensors have their numbers on the device, and for how long. A pass owns what is made in it: when it ends, the tensor that it gives and
 * those that the host had before go to the pass around it, or home to the host where there is none, and the memory of all others is given back. So what a generation or a
 * training takes does not depend on how long it is, and not on the garbage collector.
 */
final class DeviceTensors {
    /** Floats of a host's tensor up to which a copy is kept on the device for later passes: norm weights, biases and the angles of a few tokens. */
    private static final int LARGEST_KEPT = 1 << 14;
    /** Passes, or passes right inside of one, for which a copy is kept without being used. */
    private static final int PASSES_KEPT = 64;
    /** Floats of a host's tensor up to which a copy is kept for the rest of its pass: the angles of a batch. */
    private static final int LARGEST_OF_PASS = 1 << 20;

    private final DeviceQueue queue;
    private final DeviceMemory memory;
    private final ThreadLocal<Pass> current = new ThreadLocal<>();
    private final Map<Tensor, Copy> copies = new IdentityHashMap<>();
    private long passes;
    private long ended;

    DeviceTensors(DeviceQueue queue, DeviceMemory memory) {
        this.queue = queue;
        this.memory = memory;
    }

    /** Whether the calling thread is in a pass. */
    boolean inPass() {
        return current.get() != null;
    }

    /** Passes that have ended, those inside others not counted. */
    long passes() {
        return passes;
    }

    /** Runs an op that is not part of a pass. */
    void alone(Runnable op) {
        long before = passes;
        pass(() -> {
            op.run();
            return null;
        });
        passes = before;
    }

    /** Runs {@code work} as a pass, inside the thread's current one if there is one. */
    <T> T pass(Supplier<T> work) {
        Pass pass = new Pass(current.get());
        current.set(pass);
        T result = null;
        try {
            result = work.get();
            return result;
        } finally {
            if (pass.outer == null) {
                current.remove();
            } else {
                current.set(pass.outer);
            }
            synchronized (queue) {
                if (!queue.isClosed()) {
                    end(pass, result);
                }
            }
        }
    }

    private void end(Pass pass, Object result) {
        for (Place place : pass.places) {
            if (place.buffer == null || place.tensor.residence() != place) {
                place.leave();
            } else if (place.tensor != result && !place.hosts) {
                place.leave();
            } else if (pass.outer != null) {
                place.pass = pass.outer;
                pass.outer.places.add(place);
            } else {
                place.tensor.array();
            }
        }
        pass.loans.forEach(memory::giveBack);
        if (pass.outer == null) {
            passes++;
        }
        if (pass.outer == null || pass.outer.outer == null) {
            ended++;
            copies.values().removeIf(copy -> {
                boolean old = copy.lastUse < ended - PASSES_KEPT;
                if (old) {
                    memory.free(copy.buffer);
                }
                return old;
            });
        }
    }

    /** A tensor of the current pass whose numbers are to be written. */
    Tensor result(int... shape) {
        synchronized (queue) {
            int size = 1;
            for (int dimension : shape) {
                size = Math.multiplyExact(size, dimension);
            }
            Place place = new Place(size, current.get(), false);
            place.tensor = Tensor.at(place, shape);
            return place.tensor;
        }
    }

    /** A tensor that lives until {@link #release}, whatever passes end. */
    Tensor lasting(int rows, int columns) {
        synchronized (queue) {
            Place place = new Place(memory.allocate((long) rows * columns * Float.BYTES), rows * columns);
            place.tensor = Tensor.at(place, rows, columns);
            return place.tensor;
        }
    }

    /** Gives a lasting tensor's memory back. */
    void release(Tensor lasting) {
        synchronized (queue) {
            if (lasting.residence() instanceof Place place) {
                place.leave();
            }
        }
    }

    /** The buffer that has {@code x}'s numbers, for reading. */
    Buffer input(Tensor x) {
        if (x.residence() instanceof Place place && place.owner() == this) {
            return place.buffer();
        }
        float[] numbers = x.array();
        if (numbers.length > LARGEST_OF_PASS) {
            Buffer buffer = borrow(numbers.length);
            queue.write(numbers, buffer);
            return buffer;
        }
        boolean small = numbers.length <= LARGEST_KEPT;
        Copy copy = (small ? copies : current.get().copies)
                .computeIfAbsent(
                        x,
                        key -> new Copy(
                                small ? memory.allocate((long) numbers.length * Float.BYTES) : borrow(numbers.length)));
        // The host may have written to the array since: what was sent is compared with what is there.
        if (!Arrays.equals(copy.sent, numbers)) {
            queue.write(numbers, copy.buffer);
            copy.sent = numbers.clone();
        }
        copy.lastUse = ended;
        return copy.buffer;
    }

    /** Whether the device has {@code x}'s numbers. */
    boolean has(Tensor x) {
        return x.residence() instanceof Place place && place.owner() == this;
    }

    /** A buffer for {@code y}'s numbers, all of which the caller writes. */
    Buffer output(Tensor y) {
        return y.residence() instanceof Place place && place.owner() == this ? place.buffer() : moved(y).buffer;
    }

    /** The buffer that has {@code y}'s numbers, for reading and writing. */
    Buffer update(Tensor y) {
        if (y.residence() instanceof Place place && place.owner() == this) {
            return place.buffer();
        }
        float[] numbers = y.array();
        Place place = moved(y);
        queue.write(numbers, place.buffer);
        return place.buffer;
    }

    /** Memory until the current pass ends. */
    Buffer borrow(long floats) {
        Buffer buffer = memory.borrow(floats * Float.BYTES);
        current.get().loans.add(buffer);
        return buffer;
    }

    private Place moved(Tensor y) {
        Place place = new Place(y.size(), current.get(), true);
        place.tensor = y;
        y.moveTo(place);
        return place;
    }

    /** The tensors and buffers of a pass. */
    private static final class Pass {
        private final Pass outer;
        private final List<Place> places = new ArrayList<>();
        private final List<Buffer> loans = new ArrayList<>();
        private final Map<Tensor, Copy> copies = new IdentityHashMap<>();

        Pass(Pass outer) {
            this.outer = outer;
        }
    }

    /** A host's numbers as they were sent. */
    private static final class Copy {
        private final Buffer buffer;
        private float[] sent;
        private long lastUse;

        Copy(Buffer buffer) {
            this.buffer = buffer;
        }
    }

    /** A buffer with the numbers of one tensor. */
    private final class Place implements Tensor.Residence {
        private final int size;
        /** Whether the host had the tensor before, and may hold it after the pass. */
        private final boolean hosts;

        private Pass pass;
        private Buffer buffer;
        private Tensor tensor;

        Place(int size, Pass pass, boolean hosts) {
            this.size = size;
            this.pass = pass;
            this.hosts = hosts;
            buffer = memory.borrow((long) size * Float.BYTES);
            pass.places.add(this);
        }

        /** One of no pass. */
        Place(Buffer buffer, int size) {
            this.buffer = buffer;
            this.size = size;
            hosts = false;
        }

        DeviceTensors owner() {
            return DeviceTensors.this;
        }

        Buffer buffer() {
            if (buffer == null || queue.isClosed()) {
                throw new IllegalStateException("the numbers of " + tensor + " ended with the pass that made them");
            }
            return buffer;
        }

        @Override
        public Object lock() {
            return queue;
        }

        @Override
        public void read(float[] target) {
            queue.read(buffer(), 0, target, 0, size);
        }

        @Override
        public Tensor copy() {
            synchronized (queue) {
                if (!inPass()) {
                    float[] numbers = new float[size];
                    read(numbers);
                    return Tensor.of(numbers, tensor.shape());
                }
                Tensor copy = result(tensor.shape());
                queue.copy(buffer(), 0, output(copy), 0, size);
                return copy;
            }
        }

        @Override
        public void leave() {
            if (buffer != null) {
                if (pass == null) {
                    memory.free(buffer);
                } else {
                    memory.giveBack(buffer);
                }
                buffer = null;
            }
        }
    }
}
