package parsimony.core.backend.opencl;

import java.lang.foreign.MemorySegment;

/**
 * Memory of the device.
 *
 * @param handle the library's
 */
record Buffer(MemorySegment handle, long bytes) {}
