from django.urls import path

from dispatch.views import acts, bin, board, covers, file, home, intake, presence, scan

urlpatterns = [
    path("", home.home, name="home"),
    path("board/", board.boards, name="boards"),
    path("board/<slug:team>/", board.board, name="board"),
    path("board/<slug:team>/acts/", acts.strip, name="board_acts"),
    path("board/<slug:team>/undo/", acts.undo_act, name="board_undo"),
    path("board/<slug:team>/help/<int:call>/answer/", acts.answer, name="answer_help"),
    path("board/<slug:team>/help/<int:call>/end/", acts.end, name="end_help_of"),
    path("board/<slug:team>/bin/<str:username>/", presence.somebody, name="bin_of"),
    path("board/<slug:team>/bin/<str:username>/away/", presence.away, name="away_of"),
    path("board/<slug:team>/bin/<str:username>/back/", presence.back, name="back_of"),
    path("board/<slug:team>/bin/<str:username>/undo/", presence.undo_act, name="undo_of"),
    path("board/<slug:team>/bin/<str:username>/absences/", presence.plan, name="plan_absence"),
    path("board/<slug:team>/bin/<str:username>/absences/<int:absence>/cancel/", presence.cancel, name="cancel_absence"),
    path("bin/", bin.mine, name="bin"),
    path("bin/slots/", bin.slots, name="bin_slots"),
    path("bin/away/", bin.away, name="away"),
    path("bin/back/", bin.back, name="back"),
    path("bin/<int:position>/start/", bin.start, name="start"),
    path("bin/<int:position>/done/", bin.done, name="done"),
    path("bin/<int:position>/stuck/", bin.stuck, name="stuck"),
    path("bin/<int:position>/shelve/", bin.shelve, name="shelve"),
    path("bin/<int:position>/pass-back/", bin.pass_back, name="pass_back"),
    path("bin/help/<int:call>/end/", bin.end_help, name="end_help"),
    path("bin/shelf/<int:place>/take-back/", bin.take_back, name="take_back"),
    path("bin/undo/", bin.undo_act, name="undo"),
    path("files/covers/", covers.covers, name="covers"),  # and the file of that name
    path("files/<path:reference>/", file.file, name="file"),
    path("intake/", intake.intake, name="intake"),
    path("intake/promise/", intake.promise, name="promise"),
    path("intake/customers/", intake.customers, name="customers"),
    path("intake/undo/", intake.undo_act, name="intake_undo"),
    path("scan/", scan.scan, name="scan"),
    path("scan/<path:reference>/", scan.scan_file, name="scan_file"),
]
