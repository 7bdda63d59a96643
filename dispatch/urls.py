from django.urls import path

from dispatch.views import bin, board, home, intake

urlpatterns = [
    path("", home.home, name="home"),
    path("board/", board.boards, name="boards"),
    path("board/<slug:team>/", board.board, name="board"),
    path("bin/", bin.mine, name="bin"),
    path("bin/slots/", bin.slots, name="bin_slots"),
    path("bin/away/", bin.away, name="away"),
    path("bin/back/", bin.back, name="back"),
    path("bin/<int:position>/start/", bin.start, name="start"),
    path("bin/<int:position>/done/", bin.done, name="done"),
    path("bin/<int:position>/pass-back/", bin.pass_back, name="pass_back"),
    path("intake/", intake.intake, name="intake"),
    path("intake/promise/", intake.promise, name="promise"),
]
