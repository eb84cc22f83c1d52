extension MountedRoot {
  /// Python: mounts with a library between the server and its disk, and `order` says which calls are to fail. `F` in
  /// the environment is the folder of that library.
  static let failingDisk = #"""
    sys.path.insert(0, os.environ["F"])
    from order import ALLOCATES, CHANGES, READS, Order
    order = Order(D + "/order")
    subprocess.run(["clang", "-shared", "-fPIC", "-o", D + "/faults.so", os.environ["F"] + "/faults.c", "-ldl"], check=True)
    environment = dict(os.environ, LD_PRELOAD=D + "/faults.so", MAMMOFS_FAULTS=order.path)
    subprocess.run([os.environ["B"], "mount", M, "--root", R], check=True, env=environment)

    """# + "\n"
}
