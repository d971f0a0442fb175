package parsimony.core.backend.opencl;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import parsimony.core.backend.DeviceException;

/**
 * The calls of the OpenCL library that the backend needs, under their names in the OpenCL 1.2 specification (Khronos, 2012), bound by {@code
 * java.lang.foreign}. A call that fails throws, with the error's name.
 */
final class OpenCl {
    static final long DEVICE_TYPE_GPU = 1 << 2;
    static final long DEVICE_TYPE_ALL = 0xFFFFFFFFL;

    static final int PLATFORM_NAME = 0x0902;
    static final int DEVICE_TYPE = 0x1000;
    static final int DEVICE_MAX_COMPUTE_UNITS = 0x1002;
    static final int DEVICE_MAX_WORK_GROUP_SIZE = 0x1004;
    static final int DEVICE_MAX_MEM_ALLOC_SIZE = 0x1010;
    static final int DEVICE_GLOBAL_MEM_SIZE = 0x101F;
    static final int DEVICE_LOCAL_MEM_SIZE = 0x1023;
    static final int DEVICE_ENDIAN_LITTLE = 0x1026;
    static final int DEVICE_AVAILABLE = 0x1027;
    static final int DEVICE_COMPILER_AVAILABLE = 0x1028;
    static final int DEVICE_NAME = 0x102B;
    static final int DEVICE_VERSION = 0x102F;

    static final int PROGRAM_BUILD_LOG = 0x1183;
    static final int KERNEL_WORK_GROUP_SIZE = 0x11B0;
    static final long MEM_READ_WRITE = 1;

    /** What the loader says where no driver is installed. */
    private static final int PLATFORM_NOT_FOUND = -1001;

    private static final int DEVICE_NOT_FOUND = -1;
    private static final int BUILD_PROGRAM_FAILURE = -11;

    private static final Map<Integer, String> ERRORS = Map.ofEntries(
            Map.entry(-1, "CL_DEVICE_NOT_FOUND"),
            Map.entry(-2, "CL_DEVICE_NOT_AVAILABLE"),
            Map.entry(-3, "CL_COMPILER_NOT_AVAILABLE"),
            Map.entry(-4, "CL_MEM_OBJECT_ALLOCATION_FAILURE"),
            Map.entry(-5, "CL_OUT_OF_RESOURCES"),
            Map.entry(-6, "CL_OUT_OF_HOST_MEMORY"),
            Map.entry(-11, "CL_BUILD_PROGRAM_FAILURE"),
            Map.entry(-14, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST"),
            Map.entry(-30, "CL_INVALID_VALUE"),
            Map.entry(-33, "CL_INVALID_DEVICE"),
            Map.entry(-34, "CL_INVALID_CONTEXT"),
            Map.entry(-36, "CL_INVALID_COMMAND_QUEUE"),
            Map.entry(-38, "CL_INVALID_MEM_OBJECT"),
            Map.entry(-43, "CL_INVALID_BUILD_OPTIONS"),
            Map.entry(-44, "CL_INVALID_PROGRAM"),
            Map.entry(-45, "CL_INVALID_PROGRAM_EXECUTABLE"),
            Map.entry(-46, "CL_INVALID_KERNEL_NAME"),
            Map.entry(-48, "CL_INVALID_KERNEL"),
            Map.entry(-49, "CL_INVALID_ARG_INDEX"),
            Map.entry(-50, "CL_INVALID_ARG_VALUE"),
            Map.entry(-51, "CL_INVALID_ARG_SIZE"),
            Map.entry(-52, "CL_INVALID_KERNEL_ARGS"),
            Map.entry(-53, "CL_INVALID_WORK_DIMENSION"),
            Map.entry(-54, "CL_INVALID_WORK_GROUP_SIZE"),
            Map.entry(-55, "CL_INVALID_WORK_ITEM_SIZE"),
            Map.entry(-61, "CL_INVALID_BUFFER_SIZE"),
            Map.entry(-1001, "CL_PLATFORM_NOT_FOUND_KHR"));

    private static final List<String> LIBRARIES = List.of(
            "libOpenCL.so.1", "libOpenCL.so", "OpenCL.dll", "/System/Library/Frameworks/OpenCL.framework/OpenCL");

    private final Linker linker = Linker.nativeLinker();
    private final SymbolLookup library;

    private final MethodHandle getPlatformIds;
    private final MethodHandle getPlatformInfo;
    private final MethodHandle getDeviceIds;
    private final MethodHandle getDeviceInfo;
    private final MethodHandle createContext;
    private final MethodHandle releaseContext;
    private final MethodHandle createCommandQueue;
    private final MethodHandle releaseCommandQueue;
    private final MethodHandle createProgramWithSource;
    private final MethodHandle buildProgram;
    private final MethodHandle getProgramBuildInfo;
    private final MethodHandle releaseProgram;
    private final MethodHandle createKernel;
    private final MethodHandle releaseKernel;
    private final MethodHandle getKernelWorkGroupInfo;
    private final MethodHandle setKernelArg;
    private final MethodHandle enqueueKernel;
    private final MethodHandle createBuffer;
    private final MethodHandle releaseMemObject;
    private final MethodHandle enqueueReadBuffer;
    private final MethodHandle enqueueWriteBuffer;
    private final MethodHandle enqueueCopyBuffer;
    private final MethodHandle finish;

    private OpenCl(SymbolLookup library) {
        this.library = library;
        getPlatformIds = bind("clGetPlatformIDs", JAVA_INT, ADDRESS, ADDRESS);
        getPlatformInfo = bind("clGetPlatformInfo", ADDRESS, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
        getDeviceIds = bind("clGetDeviceIDs", ADDRESS, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS);
        getDeviceInfo = bind("clGetDeviceInfo", ADDRESS, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
        createContext = bindTo(ADDRESS, "clCreateContext", ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
        releaseContext = bind("clReleaseContext", ADDRESS);
        createCommandQueue = bindTo(ADDRESS, "clCreateCommandQueue", ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
        releaseCommandQueue = bind("clReleaseCommandQueue", ADDRESS);
        createProgramWithSource =
                bindTo(ADDRESS, "clCreateProgramWithSource", ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS);
        buildProgram = bind("clBuildProgram", ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
        getProgramBuildInfo = bind("clGetProgramBuildInfo", ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
        releaseProgram = bind("clReleaseProgram", ADDRESS);
        createKernel = bindTo(ADDRESS, "clCreateKernel", ADDRESS, ADDRESS, ADDRESS);
        releaseKernel = bind("clReleaseKernel", ADDRESS);
        getKernelWorkGroupInfo =
                bind("clGetKernelWorkGroupInfo", ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
        setKernelArg = bind("clSetKernelArg", ADDRESS, JAVA_INT, JAVA_LONG, ADDRESS);
        enqueueKernel = bind(
                "clEnqueueNDRangeKernel",
                ADDRESS,
                ADDRESS,
                JAVA_INT,
                ADDRESS,
                ADDRESS,
                ADDRESS,
                JAVA_INT,
                ADDRESS,
                ADDRESS);
        createBuffer = bindTo(ADDRESS, "clCreateBuffer", ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS);
        releaseMemObject = bind("clReleaseMemObject", ADDRESS);
        enqueueReadBuffer = bindTransfer("clEnqueueReadBuffer");
        enqueueWriteBuffer = bindTransfer("clEnqueueWriteBuffer");
        enqueueCopyBuffer = bind(
                "clEnqueueCopyBuffer",
                ADDRESS,
                ADDRESS,
                ADDRESS,
                JAVA_LONG,
                JAVA_LONG,
                JAVA_LONG,
                JAVA_INT,
                ADDRESS,
                ADDRESS);
        finish = bind("clFinish", ADDRESS);
    }

    /**
     * Loads the library.
     *
     * @throws DeviceException if there is none
     */
    static OpenCl load() {
        return load(LIBRARIES);
    }

    /** The same for a library of one of these names. */
    static OpenCl load(List<String> names) {
        for (String name : names) {
            try {
                return new OpenCl(SymbolLookup.libraryLookup(name, Arena.global()));
            } catch (IllegalArgumentException _) {
                // The next name may be the one that this system uses.
            }
        }
        throw new DeviceException("no OpenCL library (" + names.getFirst() + ") was found; on Debian install"
                + " ocl-icd-libopencl1 and your card's driver, or pocl-opencl-icd for the CPU");
    }

    private MethodHandle bindTransfer(String name) {
        return bind(name, ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
    }

    private MethodHandle bind(String name, MemoryLayout... parameters) {
        return bindTo(JAVA_INT, name, parameters);
    }

    private MethodHandle bindTo(MemoryLayout result, String name, MemoryLayout... parameters) {
        MemorySegment address = library.find(name)
                .orElseThrow(() ->
                        new DeviceException("the OpenCL library has no " + name + "; OpenCL 1.2 or newer is needed"));
        return linker.downcallHandle(address, FunctionDescriptor.of(result, parameters))
                .asSpreader(Object[].class, parameters.length)
                .asType(MethodType.methodType(Object.class, Object[].class));
    }

    /** All platforms, none where no driver is installed. */
    List<MemorySegment> platforms() {
        try (JavaSignals _ = new JavaSignals();
                Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_INT);
            int error = (int) invoke(getPlatformIds, 0, MemorySegment.NULL, count);
            if (error == PLATFORM_NOT_FOUND) {
                return List.of();
            }
            check("clGetPlatformIDs", error);
            int found = count.get(JAVA_INT, 0);
            MemorySegment ids = arena.allocate(ADDRESS, Math.max(1, found));
            check("clGetPlatformIDs", (int) invoke(getPlatformIds, found, ids, MemorySegment.NULL));
            return addresses(ids, found);
        }
    }

    /** All devices of a platform. */
    List<MemorySegment> devices(MemorySegment platform) {
        try (JavaSignals _ = new JavaSignals();
                Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_INT);
            int error = (int) invoke(getDeviceIds, platform, DEVICE_TYPE_ALL, 0, MemorySegment.NULL, count);
            if (error == DEVICE_NOT_FOUND) {
                return List.of();
            }
            check("clGetDeviceIDs", error);
            int found = count.get(JAVA_INT, 0);
            MemorySegment ids = arena.allocate(ADDRESS, Math.max(1, found));
            check("clGetDeviceIDs", (int)
                    invoke(getDeviceIds, platform, DEVICE_TYPE_ALL, found, ids, MemorySegment.NULL));
            return addresses(ids, found);
        }
    }

    private static List<MemorySegment> addresses(MemorySegment ids, int count) {
        List<MemorySegment> result = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            result.add(ids.getAtIndex(ADDRESS, i));
        }
        return result;
    }

    String platformText(MemorySegment platform, int what) {
        return text("clGetPlatformInfo", (size, target, needed) ->
                (int) invoke(getPlatformInfo, platform, what, size, target, needed));
    }

    String deviceText(MemorySegment device, int what) {
        return text("clGetDeviceInfo", (size, target, needed) ->
                (int) invoke(getDeviceInfo, device, what, size, target, needed));
    }

    /** A number of 1, 4 or 8 bytes. */
    long deviceNumber(MemorySegment device, int what) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment number = arena.allocate(JAVA_LONG);
            check("clGetDeviceInfo", (int)
                    invoke(getDeviceInfo, device, what, JAVA_LONG.byteSize(), number, MemorySegment.NULL));
            return number.get(JAVA_LONG, 0);
        }
    }

    private interface Query {
        int ask(long size, MemorySegment target, MemorySegment needed);
    }

    private static String text(String call, Query query) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment size = arena.allocate(JAVA_LONG);
            check(call, query.ask(0, MemorySegment.NULL, size));
            // One more, for drivers that forget the 0 at the end.
            MemorySegment text = arena.allocate(size.get(JAVA_LONG, 0) + 1);
            check(call, query.ask(size.get(JAVA_LONG, 0), text, MemorySegment.NULL));
            return text.getString(0).strip();
        }
    }

    MemorySegment createContext(MemorySegment device) {
        try (JavaSignals _ = new JavaSignals();
                Arena arena = Arena.ofConfined()) {
            MemorySegment devices = arena.allocateFrom(ADDRESS, device);
            MemorySegment error = arena.allocate(JAVA_INT);
            MemorySegment none = MemorySegment.NULL;
            Object context = invoke(createContext, none, 1, devices, none, none, error);
            return checked("clCreateContext", context, error);
        }
    }

    void releaseContext(MemorySegment context) {
        check("clReleaseContext", (int) invoke(releaseContext, context));
    }

    /** A queue whose commands run in their order. */
    MemorySegment createCommandQueue(MemorySegment context, MemorySegment device) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment error = arena.allocate(JAVA_INT);
            return checked("clCreateCommandQueue", invoke(createCommandQueue, context, device, 0L, error), error);
        }
    }

    void releaseCommandQueue(MemorySegment queue) {
        check("clReleaseCommandQueue", (int) invoke(releaseCommandQueue, queue));
    }

    /**
     * Compiles a program.
     *
     * @throws DeviceException if it does not compile; the message is the first line of the log that says why
     */
    MemorySegment buildProgram(MemorySegment context, MemorySegment device, String source, String options) {
        try (JavaSignals _ = new JavaSignals();
                Arena arena = Arena.ofConfined()) {
            MemorySegment error = arena.allocate(JAVA_INT);
            MemorySegment sources = arena.allocateFrom(ADDRESS, arena.allocateFrom(source));
            MemorySegment none = MemorySegment.NULL;
            MemorySegment program = checked(
                    "clCreateProgramWithSource",
                    invoke(createProgramWithSource, context, 1, sources, none, error),
                    error);
            MemorySegment devices = arena.allocateFrom(ADDRESS, device);
            int failed = (int) invoke(buildProgram, program, 1, devices, arena.allocateFrom(options), none, none);
            if (failed == 0) {
                return program;
            }
            String log = failed == BUILD_PROGRAM_FAILURE
                    ? text("clGetProgramBuildInfo", (size, target, needed) ->
                            (int) invoke(getProgramBuildInfo, program, device, PROGRAM_BUILD_LOG, size, target, needed))
                    : "";
            releaseProgram(program);
            throw new DeviceException(log.lines()
                    .filter(line -> line.contains("error"))
                    .findFirst()
                    .orElse("clBuildProgram failed with " + name(failed)));
        }
    }

    void releaseProgram(MemorySegment program) {
        check("clReleaseProgram", (int) invoke(releaseProgram, program));
    }

    MemorySegment createKernel(MemorySegment program, String name) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment error = arena.allocate(JAVA_INT);
            return checked("clCreateKernel", invoke(createKernel, program, arena.allocateFrom(name), error), error);
        }
    }

    void releaseKernel(MemorySegment kernel) {
        check("clReleaseKernel", (int) invoke(releaseKernel, kernel));
    }

    /** A limit of a compiled kernel. */
    long kernelNumber(MemorySegment kernel, MemorySegment device, int what) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment number = arena.allocate(JAVA_LONG);
            check("clGetKernelWorkGroupInfo", (int) invoke(
                    getKernelWorkGroupInfo, kernel, device, what, JAVA_LONG.byteSize(), number, MemorySegment.NULL));
            return number.get(JAVA_LONG, 0);
        }
    }

    /** @param value null for local memory of {@code bytes} */
    void setKernelArg(MemorySegment kernel, int index, long bytes, MemorySegment value) {
        int error = (int) invoke(setKernelArg, kernel, index, bytes, value == null ? MemorySegment.NULL : value);
        check("clSetKernelArg", error);
    }

    /**
     * @param global work items of each dimension
     * @param local work items of a group in each dimension, or null
     */
    void enqueueKernel(
            MemorySegment queue, MemorySegment kernel, int dimensions, MemorySegment global, MemorySegment local) {
        MemorySegment none = MemorySegment.NULL;
        check("clEnqueueNDRangeKernel", (int) invoke(
                enqueueKernel, queue, kernel, dimensions, none, global, local == null ? none : local, 0, none, none));
    }

    MemorySegment createBuffer(MemorySegment context, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment error = arena.allocate(JAVA_INT);
            Object buffer = invoke(createBuffer, context, MEM_READ_WRITE, bytes, MemorySegment.NULL, error);
            return checked("clCreateBuffer of " + bytes + " bytes", buffer, error);
        }
    }

    void releaseBuffer(MemorySegment buffer) {
        check("clReleaseMemObject", (int) invoke(releaseMemObject, buffer));
    }

    /** Waits for all commands before, and for the bytes. */
    void read(MemorySegment queue, MemorySegment buffer, long offset, long bytes, MemorySegment target) {
        transfer("clEnqueueReadBuffer", enqueueReadBuffer, queue, buffer, offset, bytes, target);
    }

    /** Waits until {@code source} can be used for something else. */
    void write(MemorySegment queue, MemorySegment buffer, long offset, long bytes, MemorySegment source) {
        transfer("clEnqueueWriteBuffer", enqueueWriteBuffer, queue, buffer, offset, bytes, source);
    }

    private static void transfer(
            String name,
            MethodHandle call,
            MemorySegment queue,
            MemorySegment buffer,
            long offset,
            long bytes,
            MemorySegment host) {
        MemorySegment none = MemorySegment.NULL;
        check(name, (int) invoke(call, queue, buffer, 1, offset, bytes, host, 0, none, none));
    }

    void copy(MemorySegment queue, MemorySegment from, long offset, MemorySegment to, long toOffset, long bytes) {
        MemorySegment none = MemorySegment.NULL;
        check("clEnqueueCopyBuffer", (int)
                invoke(enqueueCopyBuffer, queue, from, to, offset, toOffset, bytes, 0, none, none));
    }

    /** Waits for all commands. */
    void finish(MemorySegment queue) {
        check("clFinish", (int) invoke(finish, queue));
    }

    private static MemorySegment checked(String call, Object result, MemorySegment error) {
        check(call, error.get(JAVA_INT, 0));
        return (MemorySegment) result;
    }

    static void check(String call, int error) {
        if (error != 0) {
            throw new DeviceException("OpenCL's " + call + " failed with " + name(error));
        }
    }

    private static String name(int error) {
        return ERRORS.getOrDefault(error, "error " + error);
    }

    private static Object invoke(MethodHandle call, Object... arguments) {
        try {
            return (Object) call.invokeExact(arguments);
        } catch (Throwable e) {
            throw new DeviceException("a call of OpenCL failed: " + e.getMessage(), e);
        }
    }
}
