extension MountedRoot {
  /// A tracer, in Python, that keeps some of the server's replies from the kernel.
  static let replyHolder = #"""
    import json, struct, threading

    class Holder:
        """Stops each thread of the server that is about to reply to one of some requests: nobody is told any more."""
        READ, WRITEV = {"x86_64": (0, 20), "aarch64": (63, 66)}[os.uname().machine]
        SEIZE, INTERRUPT, SYSCALL, SYSCALL_INFO = 0x4206, 0x4207, 24, 0x420E
        SYSGOOD, CLONE, ALL = 1, 8, 0x40000000

        def __init__(self, process):
            self.process, self.reads, self.requests, self.threads, self.held = process, {}, {}, set(), set()
            self.memory = open(f"/proc/{process}/mem", "rb", buffering=0)
            self.info = ctypes.create_string_buffer(88)
            libc.ptrace.argtypes, libc.ptrace.restype = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p], ctypes.c_long
            while True:
                new = {int(thread) for thread in os.listdir(f"/proc/{process}/task")} - self.threads
                if not new: break
                for thread in new:
                    self.threads.add(thread)
                    if libc.ptrace(self.SEIZE, thread, None, self.SYSGOOD | self.CLONE) == 0:
                        libc.ptrace(self.INTERRUPT, thread, None, None)

        def run(self, wanted, until):
            """wanted: by calling thread, the kinds of request of which the reply to the first is held."""
            end, count = time.monotonic() + 60, 0
            while time.monotonic() < end:
                thread, status = os.waitpid(-1, self.ALL | os.WNOHANG)
                if thread != 0: self.stopped(thread, status, wanted)
                count += 1
                if (thread == 0 or count % 100 == 0) and until(): break
                if thread == 0: time.sleep(0.0002)

        def stopped(self, thread, status, wanted):
            if not os.WIFSTOPPED(status): return self.threads.discard(thread)
            self.threads.add(thread)
            kind, deliver = os.WSTOPSIG(status), 0
            if kind == signal.SIGTRAP | 0x80:
                if self.isReplying(thread, wanted): return
            elif status >> 16 == 0: deliver = kind
            libc.ptrace(self.SYSCALL, thread, None, deliver)

        def isReplying(self, thread, wanted):
            libc.ptrace(self.SYSCALL_INFO, thread, 88, ctypes.addressof(self.info))
            kind, (call, _, start, count) = self.info.raw[0], struct.unpack_from("<4Q", self.info, 24)
            if kind == 1:
                self.reads[thread] = start if call == self.READ else None
                if call != self.WRITEV: return False
                base, length = struct.unpack("<QQ", self.at(start, 16))
                if length < 16: return False
                opcode, caller = self.requests.pop(struct.unpack("<IiQ", self.at(base, 16))[2], (0, 0))
                if caller in self.held or opcode not in wanted.get(caller, ()): return False
                self.held.add(caller)
                return True
            start, result = self.reads.pop(thread, None), struct.unpack_from("<q", self.info, 24)[0]
            if start is not None and result >= 40:
                length, opcode, number, _, _, _, caller = struct.unpack("<IIQQIII", self.at(start, 36))
                if length == result: self.requests[number] = (opcode, caller)
            return False

        def at(self, address, count): return os.pread(self.memory.fileno(), count, address)

        def kill(self):
            os.kill(self.process, signal.SIGKILL)
            while self.threads:
                try: thread, status = os.waitpid(-1, self.ALL)
                except ChildProcessError: break
                if os.WIFSTOPPED(status): libc.ptrace(self.SYSCALL, thread, None, None)
                else: self.threads.discard(thread)
            self.memory.close()

    """# + "\n"
}
