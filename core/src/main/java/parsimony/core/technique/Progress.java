package parsimony.core.technique;

import java.util.function.Consumer;

/** Is told how far a technique has come. */
@FunctionalInterface
public interface Progress {
    /** Nobody is told. */
    Progress NONE = (what, done, total, bytes) -> {};

    /**
     * @param what what has just been finished, such as a layer's name
     * @param done steps finished
     * @param total steps in all
     * @param bytes what the technique itself holds in memory at this step, beside the model: hidden states and
     *     statistics
     */
    void update(String what, int done, int total, long bytes);

    /** Hears of something that the user should know and that stops nothing, in one sentence that names the layer. */
    default void note(String message) {}

    /** The same progress, with {@code notes} to hear what is to be known. */
    default Progress noting(Consumer<String> notes) {
        Progress progress = this;
        return new Progress() {
            @Override
            public void update(String what, int done, int total, long bytes) {
                progress.update(what, done, total, bytes);
            }

            @Override
            public void note(String message) {
                notes.accept(message);
            }
        };
    }
}
