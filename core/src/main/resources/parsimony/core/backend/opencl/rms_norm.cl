// RMSNorm (Zhang and Sennrich, 2019, Eq. 4): y = x / sqrt(mean(x^2) + epsilon) * weight. One group a row: its items walk over the row side by
// side, add their squares up in local memory, and walk over the row a second time with the result that all of them now know.
kernel void rms_norm(
        int columns,
        float epsilon,
        global const float *x,      // [rows][columns]
        global const float *weight, // [columns]
        global float *y,
        local float *partial) {
    int lane = get_local_id(0);
    size_t row = get_group_id(1);
    global const float *from = x + row * columns;
    global float *to = y + row * columns;
    float sum = 0;
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            sum += from[i] * from[i];
        }
    }
    float inverse = 1 / sqrt(group_sum(sum, partial) / columns + epsilon);
    for (int first = 0; first < columns; first += get_local_size(0)) {
        int i = first + lane;
        if (i < columns) {
            to[i] = from[i] * inverse * weight[i];
        }
    }
}
