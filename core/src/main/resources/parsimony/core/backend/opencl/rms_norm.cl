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

// The gradient for x: with r = 1 / sqrt(mean(x^2) + epsilon), dx += r * dy * weight - r^3 / columns * (sum of dy * weight * x) * x. Leaves each row's r
// for the gradient of the weight.
kernel void rms_norm_backward(
        int columns,
        float epsilon,
        global const float *x,
        global const float *weight,
        global const float *dy,
        global float *dx,
        global float *inverses, // [rows]
        local float *partial) {
    int lane = get_local_id(0);
    size_t row = get_group_id(1);
    x += row * columns;
    dy += row * columns;
    dx += row * columns;
    float squares = 0;
    float projection = 0;
    for (int i = lane; i < columns; i += get_local_size(0)) {
        squares += x[i] * x[i];
        projection += dy[i] * weight[i] * x[i];
    }
    float inverse = 1 / sqrt(group_sum(squares, partial) / columns + epsilon);
    float shared_part = group_sum(projection, partial) * inverse * inverse * inverse / columns;
    for (int i = lane; i < columns; i += get_local_size(0)) {
        dx[i] += dy[i] * weight[i] * inverse - shared_part * x[i];
    }
    if (lane == 0) {
        inverses[row] = inverse;
    }
}

// The gradient for the weight: dWeight = the sum over rows of dy * x * r. An item adds up one column of a part of the rows, and sum_parts of
// elementwise.cl adds up the parts.
kernel void rms_norm_weight(
        int rows,
        int columns,
        int rowsOfPart,
        global const float *x,
        global const float *dy,
        global const float *inverses,
        global float *sums) { // [parts][columns]
    int column = get_global_id(0);
    int part = get_group_id(1);
    if (column < columns) {
        float sum = 0;
        for (int row = part * rowsOfPart; row < min(rows, (part + 1) * rowsOfPart); row++) {
            size_t at = (size_t) row * columns + column;
            sum += dy[at] * x[at] * inverses[row];
        }
        sums[(size_t) part * columns + column] = sum;
    }
}
