/** Training from nothing, from a checkpoint, or of a few parameters beside a frozen model: optimizers, schedules, atomic checkpoints. */
package parsimony.core.train;
