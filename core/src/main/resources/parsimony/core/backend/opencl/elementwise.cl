// One work item for every number: the simplest kind of kernel. The host starts as many items as there are numbers, rounded up to whole
// groups, so each item first asks whether there is a number for it. Neighbouring items touch neighbouring numbers, which the hardware
// fetches in one go ("coalesced"); such kernels are as fast as memory is, whatever they compute.

// y += factor * x
kernel void add_scaled(int count, float factor, global const float *x, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        y[i] += factor * x[i];
    }
}

// y[row][column] += bias[column]
kernel void add_bias(int count, int columns, global const float *bias, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        y[i] += bias[i % columns];
    }
}

// y[row][column] = x[row][column] * factors[column]
kernel void scale_columns(int count, int columns, global const float *x, global const float *factors, global float *y) {
    int i = get_global_id(0);
    if (i < count) {
        y[i] = x[i] * factors[i % columns];
    }
}
