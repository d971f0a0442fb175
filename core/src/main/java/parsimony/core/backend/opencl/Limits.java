package parsimony.core.backend.opencl;

/**
 * What a device allows.
 *
 * @param workGroupSize most work items of a group
 * @param localBytes local memory of a group
 * @param globalBytes memory of the device
 * @param allocationBytes the largest single buffer
 */
record Limits(long workGroupSize, long localBytes, long globalBytes, long allocationBytes) {}
