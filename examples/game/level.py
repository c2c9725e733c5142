"""A level of the game: entities with minds of their own."""
import game
from game import Entity, Team, Vec


class Bird(Entity):
    def __init__(self, name):
        super().__init__(name)
        self.velocity = Vec(2, 0)
        self.log = []
        self.last = None

    def on_event(self, event):
        if self.last is not None:  # an event is lent for the call only
            try:
                self.last.strength
            except ReferenceError:
                self.log.append("the last event is gone")
        self.last = event
        if event.what == "storm":
            self.velocity = self.velocity + Vec(0, event.strength)

    def update(self, dt):
        super().update(dt)  # the C++ one
        self.log.append(f"{self.position.x:g}, {self.position.y:g}")


class Ghost(Entity):
    def update(self, dt):
        self.position.x += 1 / (self.position.x - 1)


bird = Bird("bird")
bird.team = Team.blue
game.spawn(bird)
assert game.find("bird") is bird and game.find("nobody") is None
del bird  # the world owns it now, with its Python half
game.spawn(Ghost("ghost"))
game.find("ghost").position = Vec(2, 2)
game.find("rock").team = Team.red
print("spawned", game.find("bird").name, game.find("bird").team, game.find("rock").team)
