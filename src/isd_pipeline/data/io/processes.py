"""Whether a process still runs that left its number somewhere."""


def is_running(number: int, arguments: str = "") -> bool:
    """Whether a process of this number runs and its command line ends so; a zombie does not."""
    import psutil

    try:
        process = psutil.Process(number)
        is_dead = process.status() == psutil.STATUS_ZOMBIE
        return not is_dead and " ".join(process.cmdline()).endswith(arguments)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
