"""What stands in the way of an act, as exceptions: raised by the verbs, made into pages and answers by whoever calls."""


class Refused(Exception):
    """An act that the state does not allow. The message says what is so and what to do."""


class NoBin(Refused):
    """This person has no bin."""


class SlotEmpty(Refused):
    """There is no file in this slot."""


class SlotChanged(Refused):
    """The slot holds another file than the page showed."""


class NotInHand(Refused):
    """Only the file in hand can be finished."""


class AnotherInHand(Refused):
    """One file at a time is in hand."""


class NotNext(Refused):
    """The oldest slot is next."""


class ChecklistOpen(Refused):
    """Not everything that makes a good file was confirmed."""


class ReasonMissing(Refused):
    """This act needs a reason."""


class ReferenceTaken(Refused):
    """Another file has this reference."""


class ExpediteLimitReached(Refused):
    """As many expedites are open as the team allows."""


class ReceiptImplausible(Refused):
    """No file that is still to be done was received then."""


class NotYetReceived(ReceiptImplausible):
    """The receipt lies in the future."""


class StillStuck(Refused):
    """A file that waits for help is worked again when the help call has ended with its cause."""


class ReturnImpossible(Refused):
    """Nobody comes back before they left."""


class NotWaiting(Refused):
    """Only a file that waits in the queue can be expedited."""


class NotDone(Refused):
    """Rework is of a file that was done."""


class AlreadyEnded(Refused):
    """A file that is done or withdrawn stays so."""
