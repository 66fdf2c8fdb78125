"""A job object of Windows: a process in it ends when this app does, however it ends."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _KILL_ON_JOB_CLOSE = 0x2000
    _EXTENDED_LIMIT_INFORMATION = 9
    _SET_QUOTA_AND_TERMINATE = 0x0100 | 0x0001

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_time", wintypes.LARGE_INTEGER),
            ("per_job_time", wintypes.LARGE_INTEGER),
            ("limit_flags", wintypes.DWORD),
            ("minimum_working_set", ctypes.c_size_t),
            ("maximum_working_set", ctypes.c_size_t),
            ("active_process_limit", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority_class", wintypes.DWORD),
            ("scheduling_class", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits),
            ("io_counters", ctypes.c_ulonglong * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_process_memory", ctypes.c_size_t),
            ("peak_job_memory", ctypes.c_size_t),
        )

    class WindowsJob:
        """Holds one process; closing it, as the system does at our end, kills the process.

        Raises:
            OSError: The process cannot be put into a job.
        """

        def __init__(self, pid: int) -> None:
            kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            kernel.CreateJobObjectW.restype = wintypes.HANDLE
            kernel.OpenProcess.restype = wintypes.HANDLE
            kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
            kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
            kernel.SetInformationJobObject.argtypes = (
                wintypes.HANDLE,
                ctypes.c_int,
                ctypes.c_void_p,
                wintypes.DWORD,
            )
            self._close = kernel.CloseHandle
            self._job = kernel.CreateJobObjectW(None, None)
            limits = _ExtendedLimits()
            limits.basic.limit_flags = _KILL_ON_JOB_CLOSE
            process = kernel.OpenProcess(_SET_QUOTA_AND_TERMINATE, False, pid)
            try:
                if not (
                    self._job
                    and process
                    and kernel.SetInformationJobObject(
                        self._job,
                        _EXTENDED_LIMIT_INFORMATION,
                        ctypes.byref(limits),
                        ctypes.sizeof(limits),
                    )
                    and kernel.AssignProcessToJobObject(self._job, process)
                ):
                    raise ctypes.WinError(ctypes.get_last_error())
            finally:
                if process:
                    self._close(process)

        def close(self) -> None:
            """Let go of the process, and kill it if it still runs; may be called again."""
            if self._job:
                self._close(self._job)
                self._job = None

else:

    class WindowsJob:
        """Nothing: elsewhere the leash does the same."""

        def __init__(self, pid: int) -> None:
            """See :mod:`desktop_voice.tunnel.leash`."""

        def close(self) -> None:
            """Nothing to let go of."""
