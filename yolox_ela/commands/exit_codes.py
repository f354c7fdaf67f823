"""What the exit codes of a command mean."""

from yolox_ela.system.interrupts import EXIT_INTERRUPTED

__all__ = ["EXIT_ELSEWHERE", "EXIT_ERROR", "EXIT_INTERRUPTED", "EXIT_UNREAD"]

EXIT_ERROR = 2
EXIT_ELSEWHERE = 3  # another process of the run has failed
EXIT_UNREAD = 141  # as a shell shows a program that the signal SIGPIPE has ended
